#include "pipelines/report/curve.h"

#include <algorithm>
#include <cmath>
#include <iterator>

namespace grpo {
namespace {

constexpr double kLargest = 1e150;  // differences of such values are numbers still
constexpr size_t kKept = 4;  // of a full bucket: its first, lowest, highest and last value

// Drops all but the four. A gap before a point that is dropped is a gap before the next one.
void keep_extremes(std::vector<CurvePoint>& points) {
  if (points.size() <= kKept) return;
  const auto lower = [](const CurvePoint& a, const CurvePoint& b) { return a.y < b.y; };
  const size_t lowest = std::min_element(points.begin(), points.end(), lower) - points.begin();
  const size_t highest = std::max_element(points.begin(), points.end(), lower) - points.begin();
  std::vector<CurvePoint> kept;
  bool gap = false;
  for (size_t i = 0; i < points.size(); ++i) {
    gap = gap || points[i].after_gap;
    if (i != 0 && i != lowest && i != highest && i + 1 != points.size()) continue;
    kept.push_back(points[i]);
    kept.back().after_gap = gap;
    gap = false;
  }
  points = std::move(kept);
}

}  // namespace

void Curve::add(double x, double y, double spread) {
  if (!std::isfinite(x) || !(std::abs(y) <= kLargest)) {
    if (num_missing_++ == 0) first_missing_ = x;
    gap_ = true;
    return;
  }
  const CurvePoint point{x, y, std::abs(spread) <= kLargest ? std::abs(spread) : 0, gap_ && num_values_ > 0};
  gap_ = false;
  if (num_values_ == 0) {
    first_ = point;
    min_ = max_ = y;
  }
  last_ = point;
  min_ = std::min(min_, y);
  max_ = std::max(max_, y);
  ++num_values_;
  if (buckets_.empty() || buckets_.back().num_values == bucket_values_) buckets_.emplace_back();
  buckets_.back().kept.push_back(point);
  ++buckets_.back().num_values;
  keep_extremes(buckets_.back().kept);
  while (buckets_.size() * std::min<size_t>(bucket_values_, kKept) > kCurvePoints) shrink();
}

// Joins buckets two by two.
void Curve::shrink() {
  std::vector<Bucket> joined;
  for (size_t i = 0; i < buckets_.size(); i += 2) {
    joined.push_back(std::move(buckets_[i]));
    if (i + 1 == buckets_.size()) break;
    Bucket& bucket = joined.back();
    bucket.num_values += buckets_[i + 1].num_values;
    std::move(buckets_[i + 1].kept.begin(), buckets_[i + 1].kept.end(), std::back_inserter(bucket.kept));
    keep_extremes(bucket.kept);
  }
  buckets_ = std::move(joined);
  bucket_values_ *= 2;
}

std::vector<CurvePoint> Curve::points() const {
  std::vector<CurvePoint> all;
  for (const Bucket& bucket : buckets_) all.insert(all.end(), bucket.kept.begin(), bucket.kept.end());
  return all;
}

}  // namespace grpo
