#pragma once
// What tests in Rust need of the candidate beyond the declared function. The text is the candidate's, and is taken over only
// where it can mean nothing but what the tests would have written themselves: the tests compile it in their own crate, where
// no name of the candidate's is in scope.

#include <optional>
#include <string>

#include "sandbox/languages/signature.h"

namespace grpo {

// A function of the candidate's that the tests call, for tests that never call the declared one. Its result is of types of
// the standard library. none: there is no such function. `before` is empty.
std::optional<Signature> called_function(const std::string& candidate, const std::string& tests);

// An enum that the candidate defines, and that the declared function returns.
struct ForeignEnum {
  std::string name;        // "Shape"
  std::string definition;  // the same with an equality of our own: "#[derive(Debug, PartialEq)] pub enum Shape<T> {...}"
  std::string conversion;  // arms of a match: "::candidate::Shape::Round(x0) => Shape::Round(x0), "
};
// Variants are plain, or tuples of types of the standard library and the enum's own parameters. none: it has others, or the
// candidate has no such enum.
std::optional<ForeignEnum> foreign_enum(const std::string& candidate, const Signature& signature);

}  // namespace grpo
