#pragma once
// The dtype names of the safetensors format, their widths, and LibTorch's types for them.

#include <ATen/ATen.h>

#include <array>
#include <optional>
#include <string_view>

namespace grpo {

struct SafetensorsDtype {
  std::string_view name;
  uint64_t bits;
  std::optional<at::ScalarType> type;  // none: the format has it, LibTorch does not
};

inline constexpr std::array<SafetensorsDtype, 19> kSafetensorsDtypes = {{
    {"F64", 64, at::ScalarType::Double},
    {"F32", 32, at::ScalarType::Float},
    {"F16", 16, at::ScalarType::Half},
    {"BF16", 16, at::ScalarType::BFloat16},
    {"F8_E4M3", 8, at::ScalarType::Float8_e4m3fn},
    {"F8_E5M2", 8, at::ScalarType::Float8_e5m2},
    {"F8_E8M0", 8, at::ScalarType::Float8_e8m0fnu},
    {"F6_E2M3", 6, std::nullopt},
    {"F6_E3M2", 6, std::nullopt},
    {"F4", 4, std::nullopt},
    {"I64", 64, at::ScalarType::Long},
    {"I32", 32, at::ScalarType::Int},
    {"I16", 16, at::ScalarType::Short},
    {"I8", 8, at::ScalarType::Char},
    {"U64", 64, at::ScalarType::UInt64},
    {"U32", 32, at::ScalarType::UInt32},
    {"U16", 16, at::ScalarType::UInt16},
    {"U8", 8, at::ScalarType::Byte},
    {"BOOL", 8, at::ScalarType::Bool},
}};

// Null if there is none.
inline const SafetensorsDtype* find_dtype(std::string_view name) {
  for (const auto& dtype : kSafetensorsDtypes) {
    if (dtype.name == name) return &dtype;
  }
  return nullptr;
}

inline const SafetensorsDtype* find_dtype(at::ScalarType type) {
  for (const auto& dtype : kSafetensorsDtypes) {
    if (dtype.type == type) return &dtype;
  }
  return nullptr;
}

}  // namespace grpo
