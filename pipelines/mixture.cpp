#include "pipelines/mixture.h"

#include <mutex>

#include "core/error.h"
#include "core/seed.h"

namespace grpo {

struct Mixture::Impl {
  struct Place {
    size_t part = 0;
    int64_t position = 0;  // within the part's own stream
  };

  std::vector<Part> parts;
  uint64_t seed = 0;
  // Where the first draws fall, as far as anybody asked.
  mutable std::mutex mutex;
  mutable std::vector<Place> places;
  mutable std::vector<int64_t> drawn;  // of each part, by these

  size_t choose(int64_t n) const {
    double total = 0.0;
    for (const Part& part : parts) total += n >= part.first_draw ? part.weight : 0.0;
    double left = uniform_at(seed, static_cast<uint64_t>(n)) * total;
    size_t last = 0;
    for (size_t p = 0; p < parts.size(); ++p) {
      if (n < parts[p].first_draw) continue;
      last = p;
      left -= parts[p].weight;
      if (left < 0.0) break;
    }
    return last;
  }

  Place place_of(int64_t n) const {
    if (parts.size() == 1) return {0, n};
    const std::lock_guard lock(mutex);
    while (static_cast<int64_t>(places.size()) <= n) {
      const size_t part = choose(static_cast<int64_t>(places.size()));
      places.push_back({part, drawn[part]++});
    }
    return places[static_cast<size_t>(n)];
  }

  // As a problem of the mixture.
  void adopt(size_t part, Problem& problem) const {
    problem.source = parts[part].name;
    const auto count = static_cast<int64_t>(parts.size());
    problem.id = problem.id * count + static_cast<int64_t>(part);
  }
};

Mixture::Mixture(std::vector<Part> parts, uint64_t seed) : impl_(std::make_unique<Impl>()) {
  GRPO_CHECK(!parts.empty());
  impl_->drawn.resize(parts.size());
  impl_->parts = std::move(parts);
  impl_->seed = seed;
}

Mixture::~Mixture() = default;
Mixture::Mixture(Mixture&&) noexcept = default;

const std::vector<Mixture::Part>& Mixture::parts() const { return impl_->parts; }

int64_t Mixture::size() const {
  int64_t sum = 0;
  for (const Part& part : impl_->parts) {
    if (part.source.size() == 0) return 0;
    sum += part.source.size();
  }
  return sum;
}

int64_t Mixture::dropped() const {
  int64_t sum = 0;
  for (const Part& part : impl_->parts) sum += part.source.dropped();
  return sum;
}

Problem Mixture::draw(int64_t n) const {
  const auto [part, position] = impl_->place_of(n);
  Problem problem = impl_->parts[part].source.draw(position);
  impl_->adopt(part, problem);
  return problem;
}

SftSample Mixture::draw_sft(int64_t n) const {
  const auto [part, position] = impl_->place_of(n);
  SftSample sample = impl_->parts[part].source.draw_sft(position);
  impl_->adopt(part, sample.problem);
  return sample;
}

std::vector<Problem> Mixture::head(int64_t count) const {
  std::vector<Problem> out;
  for (size_t p = 0; p < impl_->parts.size(); ++p) {
    for (Problem& problem : impl_->parts[p].source.head(count)) {
      impl_->adopt(p, problem);
      out.push_back(std::move(problem));
    }
  }
  return out;
}

}  // namespace grpo
