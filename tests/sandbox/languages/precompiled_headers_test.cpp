#include "sandbox/languages/precompiled_headers.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>

#include "sandbox/languages/compiler.h"
#include "tests/sandbox/languages/shared_sandbox.h"

namespace grpo {
namespace {

namespace fs = std::filesystem;

const char* const kProgram =
    "#include <bits/stdc++.h>\nusing namespace std;\nint main() { cout << vector<int>{1, 2}.size(); }\n";

// A folder of its own, and a sandbox that keeps its headers there.
struct Cache {
  fs::path folder = fs::path(testing::TempDir()) / ("grpo-headers-" + std::to_string(getpid()) + "-" +
                                                    std::to_string(reinterpret_cast<uintptr_t>(this)));
  std::unique_ptr<Sandbox> sandbox;

  // In T3 it has to be readable for the users that programs run under; above, it is made so.
  static fs::perms usual_permissions() {
    const bool other_users = SharedSandbox::get().sandbox->tier() == Tier::kT3;
    return other_users ? fs::perms(0755) : fs::perms::owner_all;
  }

  explicit Cache(fs::perms permissions = usual_permissions()) {
    fs::create_directories(folder);
    fs::permissions(folder, permissions);
    SandboxOptions options;
    options.slots = 1;
    options.minimum_tier = Tier::kT4;
    options.cache = folder.string();
    sandbox = std::make_unique<Sandbox>(options);
  }
  ~Cache() {
    sandbox.reset();
    fs::permissions(folder, fs::perms::owner_all);
    fs::remove_all(folder);
  }

  std::vector<fs::path> headers() const {
    std::vector<fs::path> found;
    for (const auto& entry : fs::recursive_directory_iterator(folder)) {
      if (entry.path().extension() == ".gch") found.push_back(entry.path());
    }
    return found;
  }
};

TEST(PrecompiledHeaders, AreMadeOnceUsedAndOnlyRead) {
  GRPO_NEED_LANGUAGE("cpp");
  Cache cache;
  {
    Compiler compiler(*cache.sandbox);
    EXPECT_TRUE(compiler.compile("cpp", "#include <cstdio>\nint main() {}").ok);
    EXPECT_TRUE(cache.headers().empty());  // who does not ask for it does not wait for it
    EXPECT_TRUE(compiler.compile("cpp", kProgram).ok);
  }
  ASSERT_EQ(cache.headers().size(), 1u);
  const auto made = fs::last_write_time(cache.headers()[0]);
  Compiler another(*cache.sandbox);
  EXPECT_TRUE(another.compile("cpp", std::string(kProgram) + "// another").ok);
  ASSERT_EQ(cache.headers().size(), 1u);
  EXPECT_EQ(fs::last_write_time(cache.headers()[0]), made);
  // -H names every file that is read: with the precompiled one, that one alone.
  Build build;
  build.files = {{"main.cpp", kProgram}};
  build.command = find_language("cpp")->compile;
  build.command.push_back("-H");
  build.artefacts = {"program"};
  const Built built = another.build("cpp", build);
  ASSERT_TRUE(built.ok) << built.log;
  EXPECT_NE(built.log.find("/bits/stdc++.h.gch"), std::string::npos) << built.log;
  EXPECT_EQ(built.log.find("/usr/include"), std::string::npos) << built.log;
  build.command = {"/bin/sh", "-c",
                   "echo x > $(dirname {headers}/x)/bits/stdc++.h.gch; echo x > /cache/y; touch program; "
                   "echo x > program"};
  EXPECT_NE(another.build("cpp", build).log.find("cannot create"), std::string::npos);
  EXPECT_EQ(cache.headers().size(), 1u);
}

TEST(PrecompiledHeaders, BrokenOnesAreMadeAnew) {
  GRPO_NEED_LANGUAGE("cpp");
  Cache cache;
  ASSERT_TRUE(Compiler(*cache.sandbox).compile("cpp", kProgram).ok);
  ASSERT_EQ(cache.headers().size(), 1u);
  const fs::path header = cache.headers()[0];
  const auto size = fs::file_size(header);
  fs::resize_file(header, size / 2);
  fs::resize_file(header, size);  // as large as it was, and half of it zeros
  EXPECT_TRUE(Compiler(*cache.sandbox).compile("cpp", kProgram).ok);
  std::ifstream file(cache.headers().at(0), std::ios::binary);
  file.seekg(static_cast<std::streamoff>(size) - 4'096);
  std::string end(4'096, '\0');
  file.read(end.data(), 4'096);
  EXPECT_NE(end, std::string(4'096, '\0'));
}

TEST(PrecompiledHeaders, WithoutAPlaceForThemProgramsCompileAllTheSame) {
  GRPO_NEED_LANGUAGE("cpp");
  if (geteuid() == 0) GTEST_SKIP() << "root can write everywhere";
  Cache cache(fs::perms::owner_read | fs::perms::owner_exec);
  testing::internal::CaptureStderr();
  Compiler compiler(*cache.sandbox);
  EXPECT_TRUE(compiler.compile("cpp", kProgram).ok);
  EXPECT_TRUE(compiler.compile("cpp", std::string(kProgram) + "// another").ok);
  const std::string said = testing::internal::GetCapturedStderr();
  EXPECT_NE(said.find("without a precompiled"), std::string::npos) << said;
  EXPECT_EQ(said.find("without a precompiled"), said.rfind("without a precompiled")) << said;
  EXPECT_TRUE(cache.headers().empty());
}

TEST(PrecompiledHeaders, FlagsAreThoseThatChangeTheHeader) {
  EXPECT_EQ(header_flags({"g++", "-std=c++20", "-O2", "-I{headers}", "-o", "program", "main.cpp", "-lm"}),
            (std::vector<std::string>{"-std=c++20", "-O2"}));
}

}  // namespace
}  // namespace grpo
