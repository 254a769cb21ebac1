#pragma once
// One metric over the steps of a stage, in bounded memory: a curve of at most kCurvePoints points that keeps the first
// and last value and every extreme of what was given, however many values that were.

#include <cstddef>
#include <cstdint>
#include <vector>

namespace grpo {

constexpr size_t kCurvePoints = 400;

struct CurvePoint {
  double x = 0;
  double y = 0;
  double spread = 0;         // half the height of the band around y; 0: none
  bool after_gap = false;    // values that were not finite came between this point and the one before
};

class Curve {
 public:
  // The next value; x never goes back. A value that is not finite, or beyond 1e150, leaves a gap and is counted.
  void add(double x, double y, double spread = 0);

  bool empty() const { return num_values_ == 0; }
  int64_t num_values() const { return num_values_; }      // finite ones
  int64_t num_missing() const { return num_missing_; }    // those that were not finite
  double first_missing() const { return first_missing_; }  // x of the first of them
  // Of all values given. Only where there is one.
  double first() const { return first_.y; }
  double last() const { return last_.y; }
  double min() const { return min_; }
  double max() const { return max_; }

  // What is kept, in order of x: all values where they are at most kCurvePoints.
  std::vector<CurvePoint> points() const;

 private:
  // A run of neighbouring values, of which four are kept.
  struct Bucket {
    std::vector<CurvePoint> kept;
    int64_t num_values = 0;
  };
  void shrink();

  std::vector<Bucket> buckets_;
  int64_t bucket_values_ = 1;  // values that fill a bucket
  int64_t num_values_ = 0;
  int64_t num_missing_ = 0;
  double first_missing_ = 0;
  CurvePoint first_, last_;
  double min_ = 0, max_ = 0;
  bool gap_ = false;
};

}  // namespace grpo
