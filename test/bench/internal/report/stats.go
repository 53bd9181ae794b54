package report

import (
	"fmt"
	"math"
	"slices"

	"github.com/dustin/go-humanize"
)

// values collects one metric of all samples, in ascending order.
func values(samples []Sample, value func(Sample) float64) []float64 {
	all := make([]float64, 0, len(samples))
	for _, s := range samples {
		all = append(all, value(s))
	}
	slices.Sort(all)
	return all
}

// median is the middle value, or the mean of the two in the middle; NaN of none.
func median(samples []Sample, value func(Sample) float64) float64 {
	all := values(samples, value)
	n := len(all)
	switch {
	case n == 0:
		return math.NaN()
	case n%2 == 1:
		return all[n/2]
	default:
		return (all[n/2-1] + all[n/2]) / 2
	}
}

// spread is the distance of the largest from the smallest value relative to the
// median; 0 of fewer than two.
func spread(samples []Sample, value func(Sample) float64) float64 {
	all := values(samples, value)
	middle := median(samples, value)
	if len(all) < 2 || middle == 0 {
		return 0
	}
	return (all[len(all)-1] - all[0]) / middle
}

// dash formats a number, or shows that there is none.
func dash(v float64, format func(float64) string) string {
	if math.IsNaN(v) || math.IsInf(v, 0) {
		return "–"
	}
	return format(v)
}

// seconds has three significant digits.
func seconds(v float64) string {
	switch {
	case v < 10:
		return fmt.Sprintf("%.2f s", v)
	case v < 100:
		return fmt.Sprintf("%.1f s", v)
	default:
		return fmt.Sprintf("%.0f s", v)
	}
}

// size is in binary units.
func size(v float64) string { return humanize.IBytes(uint64(v)) }

// proportion has two decimals, or one significant digit where they would be zero.
func proportion(v float64) string {
	if v > 0 && v < 0.01 {
		return fmt.Sprintf("%.1g", v)
	}
	return fmt.Sprintf("%.2f", v)
}

// count is a whole number, or half of one between two.
func count(v float64) string { return humanize.Commaf(v) }
