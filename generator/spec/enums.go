package spec

import corev1 "k8s.io/api/core/v1"

// Engines are the engines a site can have.
func Engines() []Engine { return []Engine{EngineArgo, EngineTekton, EngineLocal} }

// SourceCopyMethods are the copy methods of a source.
func SourceCopyMethods() []CopyMethod {
	return []CopyMethod{CopyAuto, CopyClone, CopySnapshot, CopyDirect}
}

// DestinationCopyMethods are the copy methods of a destination.
func DestinationCopyMethods() []CopyMethod { return []CopyMethod{CopySnapshot, CopyDirect} }

// AccessModes are the access modes of claims.
func AccessModes() []corev1.PersistentVolumeAccessMode {
	return []corev1.PersistentVolumeAccessMode{
		corev1.ReadWriteOnce, corev1.ReadOnlyMany, corev1.ReadWriteMany, corev1.ReadWriteOncePod,
	}
}

// ServiceTypes are the types of a listener's Service.
func ServiceTypes() []corev1.ServiceType {
	return []corev1.ServiceType{corev1.ServiceTypeClusterIP, corev1.ServiceTypeLoadBalancer, corev1.ServiceTypeNodePort}
}

// CompressModes are when data can be compressed.
func CompressModes() []Compress { return []Compress{CompressAuto, CompressAlways, CompressNever} }

// Triggers are what can start the pulls of an object store's destinations.
func Triggers() []Trigger { return []Trigger{TriggerSchedule, TriggerPush} }

// PrivilegeLevels are what a mover can be allowed.
func PrivilegeLevels() []Privileges { return []Privileges{PrivilegesOwner, PrivilegesRestricted} }
