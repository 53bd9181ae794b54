// Package common makes the objects that a site needs whatever its engine:
// accounts with their rights, the user's texts, claims, and the way to the
// listener. What differs from engine to engine is said when they are asked for.
package common

import (
	rbacv1 "k8s.io/api/rbac/v1"

	"github.com/backube/scribe-gen/generator/manifest"
	"github.com/backube/scribe-gen/generator/plan"
)

// Relationship is one relationship at one site, with what its objects need to know
// of the rest.
type Relationship struct {
	plan.Relationship
	Plan      *plan.Plan
	Namespace string
}

// Objects are those that are the same under every engine. rights returns what an
// account needs besides the plan's rules because of how the engine works.
func (r Relationship) Objects(rights func(plan.Account) []rbacv1.PolicyRule) []manifest.Object {
	var objects []manifest.Object
	for _, a := range r.Accounts {
		objects = append(objects, r.Access(a, rights(a))...)
	}
	objects = append(objects, r.configMaps()...)
	objects = append(objects, r.claims()...)
	return append(objects, r.network()...)
}
