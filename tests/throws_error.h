#pragma once
// Runs something that must end in an Error, and hands the Error to the test that wants to read it.

#include <gtest/gtest.h>

#include <string>

#include "core/error.h"

namespace grpo {

// The Error that `run` throws; a test failure and an empty Error if it throws none.
template <typename Run>
Error error_of(Run run) {
  try {
    run();
  } catch (const Error& error) {
    return error;
  }
  ADD_FAILURE() << "no Error was thrown";
  return Error("", "");
}

// What the Error that `run` throws says and where, as one line; "" if it throws none.
template <typename Run>
std::string error_text(Run run) {
  try {
    run();
  } catch (const Error& error) {
    return error.summary() + " | " + error.where();
  }
  return "";
}

// Failure unless `text` holds `part`.
inline ::testing::AssertionResult holds(const std::string& text, const std::string& part) {
  if (text.find(part) != std::string::npos) return ::testing::AssertionSuccess();
  return ::testing::AssertionFailure() << "\"" << text << "\" does not hold \"" << part << "\"";
}

}  // namespace grpo
