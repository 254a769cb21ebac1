#pragma once
// Real data for tests: the folder that the environment variable GRPO_TEST_DATA names, else ../shared/data beside
// the source tree. A test whose data is absent says so and is skipped.

#include <gtest/gtest.h>

#include <cstdlib>
#include <filesystem>
#include <string>

namespace grpo {

inline std::string test_data(const std::string& name) {
  const char* folder = std::getenv("GRPO_TEST_DATA");
  std::string path = folder != nullptr ? folder : GRPO_SOURCE_DIR;
  if (folder == nullptr) path += "/../shared/data";
  return path + "/" + name;
}

}  // namespace grpo

#define GRPO_NEEDS_DATA(path) \
  if (!std::filesystem::exists(path)) GTEST_SKIP() << "missing " << (path) << "; GRPO_TEST_DATA names the data folder"
