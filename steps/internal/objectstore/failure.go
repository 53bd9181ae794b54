package objectstore

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	iofs "io/fs"
	"net"
	"net/http"
	"strings"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore"
	"github.com/aws/smithy-go"
	"github.com/ncw/swift/v2"
	"github.com/rclone/rclone/fs"
	"github.com/rclone/rclone/fs/fserrors"
	"google.golang.org/api/googleapi"

	"github.com/backube/scribe-gen/steps/contract"
	"github.com/backube/scribe-gen/steps/internal/step"
)

// failed says what was attempted, without anything secret in it. What a retry
// cannot mend is a refusal.
func (s *Store) failed(err error, format string, args ...any) error {
	what := fmt.Sprintf(format, args...)
	switch {
	case err == nil:
		return nil
	case errors.Is(err, context.Canceled), errors.Is(err, context.DeadlineExceeded),
		step.Code(err) != contract.ExitFailed:
		return fmt.Errorf("%s: %w", what, s.secrets.error(err))
	}
	advice, final := adviceFor(err)
	err = s.secrets.error(err)
	switch {
	case final:
		return step.Refuse(contract.RefusedStore, "%s: %w; %s", what, err, advice)
	case advice != "":
		return fmt.Errorf("%s: %w; %s", what, err, advice)
	}
	return fmt.Errorf("%s: %w", what, err)
}

const (
	adviceBucket = "the bucket does not exist: create it, or correct the remote"
	adviceKeys   = "the object store does not know these credentials: correct the Secret with rclone.conf"
	adviceRights = "these credentials may not do that: the step lists, reads, writes and deletes below the remote's path"
	adviceClock  = "the clock of this node, or that of the object store, is wrong"
	adviceTLS    = "the server's certificate is signed by nobody who is trusted here: give the CA's certificate (customCA), or correct the endpoint"
)

// codes are the error codes of S3 that a retry does not mend, or that say more
// than their text. Other stores give some of them, too.
var codes = map[string]struct {
	advice string
	final  bool
}{
	"NoSuchBucket":          {adviceBucket, true},
	"InvalidBucketName":     {adviceBucket, true},
	"ContainerNotFound":     {adviceBucket, true},
	"InvalidAccessKeyId":    {adviceKeys, true},
	"SignatureDoesNotMatch": {adviceKeys, true},
	"InvalidSecurity":       {adviceKeys, true},
	"ExpiredToken":          {adviceKeys, true},
	"InvalidToken":          {adviceKeys, true},
	"AuthenticationFailed":  {adviceKeys, true},
	"AccessDenied":          {adviceRights, true},
	"AccountProblem":        {adviceRights, true},
	"AllAccessDisabled":     {adviceRights, true},
	"RequestTimeTooSkewed":  {adviceClock, false},
	"RequestExpired":        {adviceClock, false},
	// The answer to a HEAD request has no code but this.
	"Forbidden": {adviceRights + ", or " + adviceClock, false},
}

// adviceFor says what to do about an error, if anything but waiting, and whether
// waiting is of no use.
func adviceFor(err error) (advice string, final bool) {
	if errors.Is(err, errNoBucket) {
		return adviceBucket, true
	}
	var coded smithy.APIError
	if errors.As(err, &coded) {
		if known, ok := codes[coded.ErrorCode()]; ok {
			return known.advice, known.final
		}
	}
	var azure *azcore.ResponseError
	if errors.As(err, &azure) {
		if known, ok := codes[azure.ErrorCode]; ok {
			return known.advice, known.final
		}
	}
	var untrusted *tls.CertificateVerificationError
	text := err.Error()
	switch status := statusOf(err); {
	case status == http.StatusUnauthorized:
		return adviceKeys, true
	case status == http.StatusForbidden, errors.Is(err, iofs.ErrPermission), errors.Is(err, fs.ErrorPermissionDenied):
		return adviceRights, true
	case strings.Contains(text, "unable to authenticate"), strings.Contains(text, "Login incorrect"):
		return adviceKeys, true
	case errors.As(err, &untrusted):
		return adviceTLS, true
	}
	return "", false
}

// errNoBucket stands for what backends say only as "directory not found".
var errNoBucket = errors.New("bucket not found")

// statusOf is the HTTP status behind an error, 0 for none.
func statusOf(err error) int {
	var (
		aws    interface{ HTTPStatusCode() int }
		azure  *azcore.ResponseError
		google *googleapi.Error
		open   *swift.Error
	)
	switch {
	case errors.As(err, &aws):
		return aws.HTTPStatusCode()
	case errors.As(err, &azure):
		return azure.StatusCode
	case errors.As(err, &google):
		return google.Code
	case errors.As(err, &open):
		return open.StatusCode
	}
	return 0
}

// isNotFound reports whether an object is not there.
func isNotFound(err error) bool {
	return errors.Is(err, fs.ErrorObjectNotFound) || errors.Is(err, fs.ErrorDirNotFound) || errors.Is(err, iofs.ErrNotExist)
}

// isCut reports whether an answer ended early, which rclone does not try again.
func isCut(err error) bool {
	return errors.Is(err, io.ErrUnexpectedEOF) || statusOf(err) == http.StatusOK
}

// isConfiguration reports whether an error of a backend that was to be made
// comes from what it was told, not from a server.
func isConfiguration(err error) bool {
	var network net.Error
	if _, final := adviceFor(err); final {
		return false
	}
	return !errors.As(err, &network) && !fserrors.ShouldRetry(err) && !errors.Is(err, io.EOF) && statusOf(err) == 0
}

// isTransient reports whether the same request may succeed later.
func isTransient(err error) bool {
	if _, final := adviceFor(err); final || step.Code(err) != contract.ExitFailed {
		return false
	}
	for _, lasting := range []error{ErrGone, ErrChanged, context.Canceled, context.DeadlineExceeded} {
		if errors.Is(err, lasting) {
			return false
		}
	}
	return !isNotFound(err)
}
