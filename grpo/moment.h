#pragma once
// One of AdamW's two moments of one tensor, stored in fewer bits than it is computed in. Both narrow codes round
// between the two numbers next to the value so that the mean over steps is the value itself: to the nearest, a moment
// whose decay makes it move by less than half a step of the code would stay where it is for ever (with beta2 = 0.999
// a second moment in bfloat16 ends 22 times too large after gradients shrink by 10). Which way is decided by a
// low-discrepancy sequence over step and position, so it needs no state, resumes bit for bit, and errors of
// consecutive steps cancel better than random ones would.
//
//   bfloat16  2 bytes a number, 8 significant bits.
//   int8      1 byte a number and a float32 per block of 256 consecutive numbers, its largest magnitude. The byte is
//             a float of 3 mantissa bits relative to that: a first moment has a sign and values from 1 down to
//             1.9e-5, then 0; a second moment has no sign and values from 1 down to 2.9e-10, and what is smaller but
//             not 0 counts as the smallest, lest its square root vanish. Neighbours are 6 to 12 % apart.

#include <ATen/ATen.h>

#include <cstdint>
#include <string>
#include <vector>

#include "policy/io/safetensors.h"

namespace grpo {

enum class MomentDtype { kFloat32, kBfloat16, kInt8 };
enum class MomentKind { kFirst, kSecond };

// Consecutive numbers that share a scale. Reads and writes of a part begin at a multiple of it.
inline constexpr int64_t kMomentBlock = 256;

class Moment {
 public:
  // Zero, of the shape of `like`. kFloat32 stores like's own dtype (float64 for float64). `storage`: where it lies,
  // the device of `like` or, to keep a GPU's memory free, the CPU, in pinned memory then.
  Moment(MomentKind kind, MomentDtype dtype, const at::Tensor& like, const at::Device& storage);

  // Numbers first .. first + count of the flattened tensor, in like's dtype and on its device: a view of what is
  // stored where neither differs, else a copy.
  at::Tensor read(int64_t first, int64_t count) const;
  // Stores numbers from `first` on, as read() gave them and somebody changed them. `step` decides how they are
  // rounded.
  void write(int64_t first, const at::Tensor& values, int64_t step);

  // "NAME" and, where there is one, "NAME.scale"; they share storage with the moment.
  std::vector<NamedTensor> tensors(const std::string& name) const;

 private:
  MomentKind kind_;
  MomentDtype dtype_;
  at::ScalarType type_;   // that it is computed in,
  at::Device device_;     // and where
  at::Tensor stored_;     // shape of `like`; uint8 for int8
  at::Tensor scale_;      // [blocks] float32, int8 only
};

}  // namespace grpo
