/* Counts of nanoseconds in buckets whose width is 1/128 of their value, so that any number of samples takes 60 KiB. */
#include <stdint.h>
#include <stdio.h>
#include <string.h>

enum { BUCKETS = 58 * 128 };

struct histogram {
  uint64_t counts[BUCKETS], total, greatest;
};

static void clear(struct histogram *histogram) { memset(histogram, 0, sizeof *histogram); }

static void note(struct histogram *histogram, uint64_t value) {
  int shift = value < 256 ? 0 : 56 - __builtin_clzll(value);
  histogram->counts[shift * 128 + (value >> shift)]++;
  histogram->total++;
  if (value > histogram->greatest) histogram->greatest = value;
}

/* The middle of the bucket below which this share of the samples lies, milliseconds; 0 without samples. */
static double percentile(const struct histogram *histogram, double share) {
  uint64_t wanted = histogram->total * share, seen = 0;
  for (int bucket = 0; bucket < BUCKETS && histogram->total > 0; bucket++) {
    if ((seen += histogram->counts[bucket]) <= wanted) continue;
    int shift = bucket < 256 ? 0 : bucket / 128 - 1;
    double middle = ((uint64_t)(bucket - shift * 128) << shift) + (1ull << shift) / 2.0;
    return (middle < histogram->greatest ? middle : histogram->greatest) / 1e6;
  }
  return 0;
}

static void print_percentiles(const char *name, const struct histogram *histogram) {
  printf("\"%s\":{\"p50\":%.4f,\"p90\":%.4f,\"p99\":%.4f,\"max\":%.4f}", name, percentile(histogram, 0.5),
         percentile(histogram, 0.9), percentile(histogram, 0.99), histogram->greatest / 1e6);
}
