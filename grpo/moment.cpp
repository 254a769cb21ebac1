#include "grpo/moment.h"

#include <cmath>

#include "core/error.h"

namespace grpo {
namespace {

constexpr int64_t kMantissaBits = 23;  // of a float32
constexpr int64_t kCodeBits = 3;       // of them that the 8-bit code keeps
// Exponent and kept mantissa of 1.0f, and the codes that stand for it.
constexpr int64_t kOne = int64_t{127} << kCodeBits;
constexpr int64_t kTopFirst = 127, kTopSecond = 255;

// [count] int32 below 2^bits: for a fixed position a sequence over steps, and for a fixed step one over positions,
// that fills its range evenly (the R2 sequence: multiples of 1/g and 1/g^2, g the plastic number, modulo 1).
at::Tensor dither(int64_t first, int64_t count, int64_t step, MomentKind kind, int64_t bits, const at::Device& device) {
  constexpr uint64_t kByPosition = 0xC13FA9A9, kByStep = 0x91E10DA5, kSecond = 0x5A827999, kMask = 0xFFFFFFFF;
  const uint64_t start = static_cast<uint64_t>(first) * kByPosition + static_cast<uint64_t>(step) * kByStep +
                         (kind == MomentKind::kSecond ? kSecond : 0);
  at::Tensor t = at::arange(count, at::TensorOptions(at::kLong).device(device));
  t.mul_(static_cast<int64_t>(kByPosition)).add_(static_cast<int64_t>(start & kMask));
  t.bitwise_and_(static_cast<int64_t>(kMask));
  return t.bitwise_right_shift_(32 - bits).to(at::kInt);
}

// x float32 -> bfloat16. The lower half of a float32 is added to by up to itself and cut off, which rounds away from
// zero as often as the value asks for, whatever its sign.
at::Tensor to_bfloat16(const at::Tensor& x, const at::Tensor& dither16) {
  const at::Tensor bits = (x.view(at::kInt) + dither16).bitwise_and_(~int64_t{0xFFFF});
  return bits.view(at::kFloat).to(at::kBFloat16);
}

at::Tensor padded_blocks(const at::Tensor& x) {
  const int64_t rest = (kMomentBlock - x.size(0) % kMomentBlock) % kMomentBlock;
  return (rest == 0 ? x : at::constant_pad_nd(x, {0, rest})).view({-1, kMomentBlock});
}

// Magnitudes in [0, 1], float32 -> codes 0 .. top, where `top` stands for 1.
at::Tensor codes_of(const at::Tensor& y, const at::Tensor& dither20, int64_t top) {
  at::Tensor code = y.view(at::kInt) + dither20;
  return code.bitwise_right_shift_(kMantissaBits - kCodeBits).sub_(kOne - top);
}

// Codes int32 -> magnitudes in [0, 1]; 0 is 0.
at::Tensor magnitudes_of(const at::Tensor& code, int64_t top) {
  const at::Tensor bits = (code + (kOne - top)).bitwise_left_shift_(kMantissaBits - kCodeBits);
  return bits.view(at::kFloat).mul_(code != 0);
}

// The smallest magnitude that is not 0, in float32.
double smallest(int64_t top) {
  const int64_t raw = kOne - top + 1;
  return std::ldexp(1.0 + static_cast<double>(raw & 7) / 8.0, static_cast<int>((raw >> kCodeBits) - 127));
}

at::Tensor encode_first(const at::Tensor& y, const at::Tensor& dither20) {
  const at::Tensor magnitude = y.abs();
  // Below the smallest magnitude: that or 0, as often as the value asks for.
  const double least = smallest(kTopFirst);
  const at::Tensor small = (magnitude < least).to(at::kInt);
  const at::Tensor coin = (magnitude / least + dither20 * std::ldexp(1.0, -20)).floor_().to(at::kInt);
  const at::Tensor normal = codes_of(magnitude, dither20, kTopFirst);
  const at::Tensor code = normal + small * (coin - normal);
  return (code + (y < 0) * 128).to(at::kByte);
}

at::Tensor encode_second(const at::Tensor& y, const at::Tensor& dither20) {
  return codes_of(y, dither20, kTopSecond).clamp_min_(1).mul_(y > 0).to(at::kByte);
}

at::Tensor decode(const at::Tensor& stored, MomentKind kind) {
  const at::Tensor code = stored.to(at::kInt);
  if (kind == MomentKind::kSecond) return magnitudes_of(code, kTopSecond);
  const at::Tensor sign = at::bitwise_right_shift(code, 7).mul_(-2).add_(1);
  return magnitudes_of(at::bitwise_and(code, kTopFirst), kTopFirst).mul_(sign);
}

at::ScalarType stored_type(MomentDtype dtype, at::ScalarType like) {
  if (dtype == MomentDtype::kFloat32) return like;
  return dtype == MomentDtype::kBfloat16 ? at::kBFloat16 : at::kByte;
}

}  // namespace

Moment::Moment(MomentKind kind, MomentDtype dtype, const at::Tensor& like, const at::Device& storage)
    : kind_(kind), dtype_(dtype), type_(like.scalar_type()), device_(like.device()) {
  const bool pinned = storage.is_cpu() && like.is_cuda();
  const at::TensorOptions options = at::TensorOptions(storage).pinned_memory(pinned);
  stored_ = at::zeros(like.sizes(), options.dtype(stored_type(dtype, like.scalar_type())));
  if (dtype == MomentDtype::kInt8) {
    scale_ = at::zeros({(like.numel() + kMomentBlock - 1) / kMomentBlock}, options.dtype(at::kFloat));
  }
}

at::Tensor Moment::read(int64_t first, int64_t count) const {
  GRPO_CHECK(first % kMomentBlock == 0);
  const auto fetch = [&](const at::Tensor& t, int64_t from, int64_t numbers) {
    return t.view(-1).narrow(0, from, numbers).to(device_, t.scalar_type(), /*non_blocking=*/true);
  };
  const at::Tensor there = fetch(stored_, first, count);
  if (dtype_ != MomentDtype::kInt8) return there.to(type_);
  const at::Tensor scale = fetch(scale_, first / kMomentBlock, (count + kMomentBlock - 1) / kMomentBlock);
  const at::Tensor blocks = padded_blocks(decode(there, kind_)).mul_(scale.unsqueeze(1));
  return blocks.view(-1).narrow(0, 0, count).to(type_);
}

void Moment::write(int64_t first, const at::Tensor& values, int64_t step) {
  GRPO_CHECK(first % kMomentBlock == 0);
  const int64_t count = values.size(0);
  const auto store = [&](const at::Tensor& t, int64_t to, const at::Tensor& numbers) {
    const at::Tensor place = t.view(-1).narrow(0, to, numbers.size(0));
    if (!place.is_alias_of(numbers)) place.copy_(numbers, /*non_blocking=*/true);
  };
  if (dtype_ == MomentDtype::kFloat32) return store(stored_, first, values);
  const at::Tensor x = values.to(at::kFloat);
  if (dtype_ == MomentDtype::kBfloat16) {
    return store(stored_, first, to_bfloat16(x, dither(first, count, step, kind_, 16, device_)));
  }
  const at::Tensor blocks = padded_blocks(x);
  const at::Tensor scale = blocks.abs().amax(1);
  // A block of zeros has scale 0; any other divisor leaves its zeros zeros.
  const at::Tensor relative = (blocks / (scale + (scale == 0)).unsqueeze(1)).view(-1).narrow(0, 0, count);
  const at::Tensor offsets = dither(first, count, step, kind_, kMantissaBits - kCodeBits, device_);
  store(stored_, first,
        kind_ == MomentKind::kFirst ? encode_first(relative, offsets) : encode_second(relative, offsets));
  store(scale_, first / kMomentBlock, scale);
}

std::vector<NamedTensor> Moment::tensors(const std::string& name) const {
  std::vector<NamedTensor> out = {{name, stored_}};
  if (scale_.defined()) out.push_back({name + ".scale", scale_});
  return out;
}

}  // namespace grpo
