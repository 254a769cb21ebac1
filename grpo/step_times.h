#pragma once
// Where the seconds of a step went. Each part is measured where it happens; what no part claims is "other", so the
// parts of a step always add up to the step.

#include <chrono>
#include <map>
#include <string>

#include "core/json.h"

namespace grpo {

class StepTimes {
 public:
  StepTimes() : start_(Clock::now()) {}

  void add(const std::string& part, double seconds) { seconds_[part] += seconds; }

  // Runs `work` and adds its time, whether it returns or throws.
  template <class Work>
  auto measure(const std::string& part, Work work) {
    const Measured measured{*this, part, Clock::now()};
    return work();
  }

  // Writes step_time, every part as time/PART and time/other, in seconds, for the time since construction or the last
  // call, and starts anew. The parts must not overlap.
  void report(Json& metrics) {
    const double all = seconds_since(start_);
    double claimed = 0.0;
    for (const auto& [part, seconds] : seconds_) {
      metrics["time/" + part] = seconds;
      claimed += seconds;
    }
    metrics["time/other"] = all > claimed ? all - claimed : 0.0;
    metrics["step_time"] = all;
    *this = StepTimes();
  }

 private:
  using Clock = std::chrono::steady_clock;

  static double seconds_since(Clock::time_point start) {
    return std::chrono::duration<double>(Clock::now() - start).count();
  }

  struct Measured {
    StepTimes& times;
    const std::string& part;
    Clock::time_point start;
    ~Measured() { times.add(part, seconds_since(start)); }
  };

  Clock::time_point start_;
  std::map<std::string, double> seconds_;
};

}  // namespace grpo
