#pragma once
// Which GPUs code built for a list of CUDA architectures can run on. C++17, for nvcc.

#include <cstdlib>
#include <cstring>

namespace grpo {

// `built`: as CMake lists them, with commas: "80,90a". "90a" is code for 9.0 and nothing else; "80-real"
// for 8.0 and later GPUs of that major version; "80" also holds what the driver translates for every later
// GPU.
inline bool architectures_support(const char* built, int major, int minor) {
  const int gpu = 10 * major + minor;
  while (built && *built) {
    char* end = nullptr;
    const int architecture = static_cast<int>(std::strtol(built, &end, 10));
    const bool exact = *end == 'a';
    const bool real = std::strncmp(end, "-real", 5) == 0;
    const bool runs = exact  ? gpu == architecture
                      : real ? gpu >= architecture && gpu / 10 == architecture / 10
                             : gpu >= architecture;
    if (runs) return true;
    const char* comma = std::strchr(built, ',');
    built = comma ? comma + 1 : nullptr;
  }
  return false;
}

}  // namespace grpo
