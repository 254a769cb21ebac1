#pragma once
// The version of the toolkit: what `grpo env` prints, and what program and CUDA plug-in must agree on.

namespace grpo {

inline constexpr const char* kVersion = "0.1.0";

}  // namespace grpo
