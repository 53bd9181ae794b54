package spec

import (
	"fmt"
	"path/filepath"
	"slices"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/util/validation"
	"k8s.io/apimachinery/pkg/util/validation/field"
)

func validateSource(s Spec, p *field.Path) field.ErrorList {
	source := s.Source
	errs := validateSiteName(source.Site, s.Sites, p.Child("site"))
	errs = append(errs, requiredSubdomain(source.PersistentVolumeClaim, p.Child("persistentVolumeClaim"))...)
	errs = append(errs, oneOf(source.CopyMethod, SourceCopyMethods(), p.Child("copyMethod"))...)
	errs = append(errs, validateClaim(source.Capacity, source.StorageClassName, source.VolumeSnapshotClassName, source.AccessModes, p)...)
	if index := source.Index; index != nil {
		p := p.Child("index")
		errs = append(errs, validateBytes(index.Capacity, p.Child("capacity"))...)
		if index.StorageClassName != source.StorageClassName { // else it was checked above
			errs = append(errs, optional(index.StorageClassName, validation.IsDNS1123Subdomain, p.Child("storageClassName"))...)
		}
	}
	const copyless = "copyMethod Direct reads the live volume and makes no copy"
	switch source.CopyMethod {
	case CopyDirect:
		errs = append(errs, forbidden(source.StorageClassName != "", copyless, p.Child("storageClassName"))...)
		errs = append(errs, forbidden(source.VolumeSnapshotClassName != "", copyless, p.Child("volumeSnapshotClassName"))...)
		errs = append(errs, forbidden(len(source.AccessModes) > 0, copyless, p.Child("accessModes"))...)
	case CopyClone:
		errs = append(errs, forbidden(source.VolumeSnapshotClassName != "", "copyMethod Clone makes no snapshot", p.Child("volumeSnapshotClassName"))...)
	}
	return errs
}

func validateDestinations(s Spec, spec *field.Path) field.ErrorList {
	p := spec.Child("destinations")
	if len(s.Destinations) == 0 {
		return field.ErrorList{field.Required(p, "name at least one destination")}
	}
	var errs field.ErrorList
	first := map[string]int{}
	for i, d := range s.Destinations {
		p := p.Index(i)
		errs = append(errs, validateSiteName(d.Site, s.Sites, p.Child("site"))...)
		if j, twice := first[d.Site]; twice && d.Site != "" {
			errs = append(errs, field.Invalid(p.Child("site"), d.Site, fmt.Sprintf("is also the site of destinations[%d]; a site takes one replica", j)))
		} else {
			first[d.Site] = i
		}
		if d.Capacity == s.Source.Capacity {
			d.Capacity = "" // checked with the source's
		}
		errs = append(errs, validateDestination(d, p)...)
		errs = append(errs, validatePlaces(s, i, p.Child("persistentVolumeClaim"))...)
	}
	return errs
}

func validateDestination(d Destination, p *field.Path) field.ErrorList {
	errs := requiredSubdomain(d.PersistentVolumeClaim, p.Child("persistentVolumeClaim"))
	errs = append(errs, validatePromotable(d, p.Child("persistentVolumeClaim"))...)
	errs = append(errs, oneOf(d.CopyMethod, DestinationCopyMethods(), p.Child("copyMethod"))...)
	errs = append(errs, validateClaim(d.Capacity, d.StorageClassName, d.VolumeSnapshotClassName, d.AccessModes, p)...)
	errs = append(errs, validateRetain(d.Retain, p.Child("retain"))...)
	if d.CopyMethod == CopyDirect {
		const snapshotless = "copyMethod Direct makes no replica snapshots"
		errs = append(errs, forbidden(d.Retain != Retain{}, snapshotless, p.Child("retain"))...)
		errs = append(errs, forbidden(d.VolumeSnapshotClassName != "", snapshotless, p.Child("volumeSnapshotClassName"))...)
	}
	return errs
}

// validatePromotable reports a replica whose promoted claim would have too long a
// name. One whose name is too long for any claim is reported elsewhere.
func validatePromotable(d Destination, p *field.Path) field.ErrorList {
	name := d.PersistentVolumeClaim
	over := len(name) - ReplicaNameLimit
	if d.CopyMethod == CopyDirect || over <= 0 || len(name) > validation.DNS1123SubdomainMaxLength {
		return nil
	}
	return field.ErrorList{field.Invalid(p, name, fmt.Sprintf(
		"has %d characters, %d too many: a promotion makes the claim of this name with %s at the end", len(name), over, PromotedSuffix))}
}

// validatePlaces reports a replica that is the source's own volume or that of an
// earlier destination, under the same or another site's name.
func validatePlaces(s Spec, index int, p *field.Path) field.ErrorList {
	d := s.Destinations[index]
	clash := func(site, claim string) bool {
		same := site == d.Site || samePlace(s.Sites[site], s.Sites[d.Site])
		return same && claim == d.PersistentVolumeClaim && claim != "" && d.Site != ""
	}
	if clash(s.Source.Site, s.Source.PersistentVolumeClaim) {
		return field.ErrorList{field.Invalid(p, d.PersistentVolumeClaim, "is the source itself")}
	}
	for j, other := range s.Destinations[:index] {
		if clash(other.Site, other.PersistentVolumeClaim) && other.Site != d.Site {
			return field.ErrorList{field.Invalid(p, d.PersistentVolumeClaim, fmt.Sprintf("is also the replica of destinations[%d]", j))}
		}
	}
	return nil
}

// samePlace reports whether two sites are certainly the same namespace or
// directory. Namespaces of the same name are often those of two clusters, so
// their contexts must be known.
func samePlace(a, b Site) bool {
	if a.Engine == EngineLocal || b.Engine == EngineLocal {
		return a.Engine == b.Engine && a.Directory != "" && filepath.Clean(a.Directory) == filepath.Clean(b.Directory)
	}
	return a.Context != "" && a.Context == b.Context && a.Namespace == b.Namespace
}

// validateClaim checks what source and destination say of the claims that are
// made for them.
func validateClaim(capacity, storageClass, snapshotClass string, modes []corev1.PersistentVolumeAccessMode, p *field.Path) field.ErrorList {
	errs := validateBytes(capacity, p.Child("capacity"))
	errs = append(errs, optional(storageClass, validation.IsDNS1123Subdomain, p.Child("storageClassName"))...)
	errs = append(errs, optional(snapshotClass, validation.IsDNS1123Subdomain, p.Child("volumeSnapshotClassName"))...)
	return append(errs, validateAccessModes(modes, p.Child("accessModes"))...)
}

func validateAccessModes(modes []corev1.PersistentVolumeAccessMode, p *field.Path) field.ErrorList {
	var errs field.ErrorList
	for i, mode := range modes {
		errs = append(errs, oneOf(mode, AccessModes(), p.Index(i))...)
		if slices.Contains(modes[:i], mode) {
			errs = append(errs, field.Duplicate(p.Index(i), string(mode)))
		}
	}
	if len(modes) > 1 && slices.Contains(modes, corev1.ReadWriteOncePod) {
		errs = append(errs, field.Invalid(p, modes, "ReadWriteOncePod cannot be combined with other access modes"))
	}
	return errs
}
