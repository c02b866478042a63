package kubeauth

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"sync/atomic"
	"time"

	"github.com/hashicorp/go-hclog"
	"golang.org/x/time/rate"
	authenticationapi "k8s.io/api/authentication/v1"
	authorizationapi "k8s.io/api/authorization/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	authenticationclient "k8s.io/client-go/kubernetes/typed/authentication/v1"
	authorizationclient "k8s.io/client-go/kubernetes/typed/authorization/v1"
	"k8s.io/client-go/rest"

	"github.com/sidemirror/sidemirror/api"
)

const (
	// reviewTimeout is how long a request waits for the cluster's answer.
	reviewTimeout = 3 * time.Second
	// The reviews of each kind that the cluster is asked for a second, whatever
	// clients send.
	reviewsPerSecond = 50
	reviewsAtOnce    = 100
)

// errBusy is a question that isn't asked because too many others are.
var errBusy = errors.New("too many reviews at once")

// Options say which cluster is asked, and for how long its answers hold. Zero
// values mean the default in brackets.
type Options struct {
	Config *rest.Config
	// Audiences are whom a token may have been made for, one of them at least.
	// [the API server's own]
	Audiences []string
	TTL       time.Duration    // of an answer [10 s]
	Entries   int              // that are remembered, of each kind [4096]
	Now       func() time.Time // [time.Now]
	Log       hclog.Logger     // [none]
}

// Reviewer is an [api.Authenticator] and an [api.Authorizer].
type Reviewer struct {
	audiences []string
	tokens    authenticationclient.TokenReviewInterface
	access    authorizationclient.SubjectAccessReviewInterface
	users     *answers[api.User]
	decisions *answers[struct{}]
	limits    struct{ tokens, access *rate.Limiter }
	log       hclog.Logger
	away      atomic.Bool // what the last review came to, so that the log tells changes
}

// New checks the options. It dials nobody.
func New(o Options) (*Reviewer, error) {
	if o.Config == nil {
		return nil, errors.New("kubeauth: no cluster configured")
	}
	config := rest.CopyConfig(o.Config)
	config.QPS, config.RateLimiter = -1, nil // the two limits below, so that bad tokens don't keep good ones from access reviews
	client, err := rest.HTTPClientFor(config)
	if err != nil {
		return nil, fmt.Errorf("make a client of the cluster: %w", err)
	}
	tokens, err := authenticationclient.NewForConfigAndClient(config, client)
	if err != nil {
		return nil, fmt.Errorf("make a client for token reviews: %w", err)
	}
	access, err := authorizationclient.NewForConfigAndClient(config, client)
	if err != nil {
		return nil, fmt.Errorf("make a client for access reviews: %w", err)
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.Log == nil {
		o.Log = hclog.NewNullLogger()
	}
	entries, ttl := cmp.Or(o.Entries, 4096), cmp.Or(o.TTL, 10*time.Second)
	r := &Reviewer{
		audiences: slices.Clone(o.Audiences), log: o.Log,
		tokens: tokens.TokenReviews(), access: access.SubjectAccessReviews(),
		users: newAnswers[api.User](entries, ttl, o.Now), decisions: newAnswers[struct{}](entries, ttl, o.Now),
	}
	r.limits.tokens = rate.NewLimiter(reviewsPerSecond, reviewsAtOnce)
	r.limits.access = rate.NewLimiter(reviewsPerSecond, reviewsAtOnce)
	return r, nil
}

// Authenticate implements [api.Authenticator].
func (r *Reviewer) Authenticate(ctx context.Context, token string) (api.User, error) {
	user, err := r.users.get(tokenDigest(token), func() (answer[api.User], error) { return r.reviewToken(ctx, token) })
	if err == nil && !user.yes {
		err = api.ErrInvalidToken
	}
	return user.value, err
}

// Authorize implements [api.Authorizer].
func (r *Reviewer) Authorize(ctx context.Context, u api.User, a api.Attributes) error {
	decision, err := r.decisions.get(questionDigest(u, a), func() (answer[struct{}], error) { return r.reviewAccess(ctx, u, a) })
	if err == nil && !decision.yes {
		err = &api.ForbiddenError{Detail: refusal(u, a)}
	}
	return err
}

// reviewToken asks whose the token is.
func (r *Reviewer) reviewToken(ctx context.Context, token string) (answer[api.User], error) {
	review := &authenticationapi.TokenReview{Spec: authenticationapi.TokenReviewSpec{Token: token, Audiences: r.audiences}}
	err := r.ask(ctx, r.limits.tokens, func(ctx context.Context) (err error) {
		review, err = r.tokens.Create(ctx, review, metav1.CreateOptions{})
		return err
	})
	if err != nil {
		return answer[api.User]{}, fmt.Errorf("review a token: %w", err)
	}
	status := review.Status
	if !status.Authenticated || status.User.Username == "" || !r.meant(status.Audiences) {
		r.log.Debug("token refused", "error", status.Error)
		return answer[api.User]{}, nil
	}
	u := api.User{Name: status.User.Username, UID: status.User.UID, Groups: status.User.Groups}
	if len(status.User.Extra) > 0 {
		u.Extra = make(map[string][]string, len(status.User.Extra))
		for key, values := range status.User.Extra {
			u.Extra[key] = values
		}
	}
	return answer[api.User]{yes: true, value: u}, nil
}

// meant reports whether a token for these audiences is for us. A server that knows
// no audiences names none, and then a token may have been made for anybody.
func (r *Reviewer) meant(audiences []string) bool {
	return len(r.audiences) == 0 || slices.ContainsFunc(audiences, func(a string) bool { return slices.Contains(r.audiences, a) })
}

// reviewAccess asks whether u may do what a says.
func (r *Reviewer) reviewAccess(ctx context.Context, u api.User, a api.Attributes) (answer[struct{}], error) {
	review := &authorizationapi.SubjectAccessReview{Spec: question(u, a)}
	err := r.ask(ctx, r.limits.access, func(ctx context.Context) (err error) {
		review, err = r.access.Create(ctx, review, metav1.CreateOptions{})
		return err
	})
	if err != nil {
		return answer[struct{}]{}, fmt.Errorf("review an access: %w", err)
	}
	return answer[struct{}]{yes: review.Status.Allowed && !review.Status.Denied}, nil
}

// question puts u and a into the API server's words.
func question(u api.User, a api.Attributes) authorizationapi.SubjectAccessReviewSpec {
	spec := authorizationapi.SubjectAccessReviewSpec{User: u.Name, UID: u.UID, Groups: u.Groups}
	if len(u.Extra) > 0 {
		spec.Extra = make(map[string]authorizationapi.ExtraValue, len(u.Extra))
		for key, values := range u.Extra {
			spec.Extra[key] = values
		}
	}
	if a.Path != "" {
		spec.NonResourceAttributes = &authorizationapi.NonResourceAttributes{Path: a.Path, Verb: a.Verb}
		return spec
	}
	spec.ResourceAttributes = &authorizationapi.ResourceAttributes{
		Verb: a.Verb, Group: a.Group, Resource: a.Resource, Namespace: a.Namespace, Name: a.Name,
	}
	return spec
}

// ask sends one review within the limit. It goes on when its request is gone, since
// others may wait for the same answer.
func (r *Reviewer) ask(ctx context.Context, limit *rate.Limiter, review func(context.Context) error) error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), reviewTimeout)
	defer cancel()
	if err := limit.Wait(ctx); err != nil {
		return errBusy
	}
	err := review(ctx)
	r.tell(err)
	return err
}

// tell logs when reviews begin to fail, and when they work again.
func (r *Reviewer) tell(err error) {
	if r.away.Swap(err != nil) == (err != nil) {
		return
	}
	switch {
	case apierrors.IsForbidden(err):
		r.log.Error("access can't be reviewed; bind the ClusterRole system:auth-delegator to this user", "error", err)
	case err != nil:
		r.log.Error("access can't be reviewed; nobody gets in", "error", err)
	default:
		r.log.Info("access can be reviewed again")
	}
}

// refusal says what is missing.
func refusal(u api.User, a api.Attributes) string {
	if a.Path != "" {
		return fmt.Sprintf("the cluster doesn't let %q %s to %s; a ClusterRole with this path in nonResourceURLs does", u.Name, a.Verb, a.Path)
	}
	what := a.Resource
	if a.Group != "" {
		what += "." + a.Group
	}
	if a.Name != "" {
		what += fmt.Sprintf(" %q", a.Name)
	}
	where := "at the cluster scope"
	if a.Namespace != "" {
		where = fmt.Sprintf("in the namespace %q", a.Namespace)
	}
	return fmt.Sprintf("the cluster doesn't let %q %s %s %s", u.Name, a.Verb, what, where)
}
