package kube

import (
	"context"
	"fmt"

	authorizationv1 "k8s.io/api/authorization/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// User is who a request comes from.
type User struct {
	Name   string
	Groups []string
}

// AccountUser is the identity of a ServiceAccount.
func AccountUser(namespace, account string) User {
	return User{
		Name: "system:serviceaccount:" + namespace + ":" + account,
		Groups: []string{
			"system:serviceaccounts", "system:serviceaccounts:" + namespace, "system:authenticated",
		},
	}
}

// Can asks the server whether the user may do it. Empty fields of the attributes
// mean what they mean in a SubjectAccessReview: no namespace is all of them, no
// name all objects.
func (c *Cluster) Can(ctx context.Context, u User, do authorizationv1.ResourceAttributes) (bool, error) {
	review, err := c.Client.AuthorizationV1().SubjectAccessReviews().Create(ctx,
		&authorizationv1.SubjectAccessReview{Spec: authorizationv1.SubjectAccessReviewSpec{
			User: u.Name, Groups: u.Groups, ResourceAttributes: &do,
		}}, metav1.CreateOptions{})
	if err != nil {
		return false, fmt.Errorf("asking whether %s may %s %s: %w", u.Name, do.Verb, do.Resource, err)
	}
	return review.Status.Allowed, nil
}

// Right is one thing that may be done: a verb on a resource, on one object of it
// or, without a name, on all.
type Right struct{ Verb, Group, Resource, Name string }

// String is such as "get secrets my-keys" or "list volumesnapshots.snapshot.storage.k8s.io".
func (r Right) String() string {
	s := r.Verb + " " + r.Resource
	if r.Group != "" {
		s += "." + r.Group
	}
	if r.Name != "" {
		s += " " + r.Name
	}
	return s
}

// Rights returns everything that the account may do to resources in a namespace,
// as the server itself counts it, cluster-wide rights included. A right that
// several rules grant is there several times.
func (c *Cluster) Rights(ctx context.Context, accountNamespace, account, in string) ([]Right, error) {
	self, err := c.As(accountNamespace, account)
	if err != nil {
		return nil, err
	}
	review, err := self.Client.AuthorizationV1().SelfSubjectRulesReviews().Create(ctx,
		&authorizationv1.SelfSubjectRulesReview{
			Spec: authorizationv1.SelfSubjectRulesReviewSpec{Namespace: in},
		}, metav1.CreateOptions{})
	switch {
	case err != nil:
		return nil, fmt.Errorf("asking for the rights of %s/%s: %w", accountNamespace, account, err)
	case review.Status.Incomplete:
		return nil, fmt.Errorf("asking for the rights of %s/%s: %s", accountNamespace, account, review.Status.EvaluationError)
	}
	var rights []Right
	for _, r := range review.Status.ResourceRules {
		rights = append(rights, Expand(r.Verbs, r.APIGroups, r.Resources, r.ResourceNames)...)
	}
	return rights, nil
}

// Expand returns every combination, as one rule of a Role grants it. No names
// mean all objects.
func Expand(verbs, groups, resources, names []string) []Right {
	if len(names) == 0 {
		names = []string{""}
	}
	var rights []Right
	for _, v := range verbs {
		for _, g := range groups {
			for _, r := range resources {
				for _, n := range names {
					rights = append(rights, Right{v, g, r, n})
				}
			}
		}
	}
	return rights
}
