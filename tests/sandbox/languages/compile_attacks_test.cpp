// Rows 54 to 63 of the catalogue of attacks: sources that attack the compiler, or what it can see. Each ends as a compile
// error (or compiles into what it says), within its limits; the next compilation is clean.

#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <chrono>
#include <cstdio>
#include <fstream>

#include "sandbox/languages/compiler.h"
#include "tests/sandbox/languages/shared_sandbox.h"

namespace grpo {
namespace {

CompilerOptions small_limits(const std::string& language) {
  Limits limits = find_language(language)->compile_limits;
  limits.cpu_ms = 2'000;
  limits.wall_ms = 20'000;
  limits.memory_bytes = int64_t{512} << 20;
  limits.file_bytes = int64_t{16} << 20;
  return {.limits = limits};
}

// A new compiler with small limits, for what they have to stop.
Compiled stopped(const std::string& language, const std::string& source) {
  Compiler compiler(*SharedSandbox::get().sandbox, small_limits(language));
  return compiler.compile(language, source);
}

Compiled compiled(const std::string& language, const std::string& source) {
  Compiler compiler(*SharedSandbox::get().sandbox);
  return compiler.compile(language, source);
}

void expect_compile_error(const Compiled& result) {
  EXPECT_EQ(result.failure, "");
  EXPECT_FALSE(result.ok);
  EXPECT_FALSE(result.log.empty());
  EXPECT_LE(result.log.size(), size_t{20} << 10);
}

void expect_next_is_clean(const std::string& language) {
  const Compiled next = compiled(language, "int main(void) { return 0; }");
  EXPECT_TRUE(next.ok) << next.failure << next.log;
}

TEST(CompileAttack, Row54EndlessDeviceAsAHeader) {
  GRPO_NEED_LANGUAGE("cpp");
  for (const char* device : {"/dev/urandom", "/dev/zero"}) {
    expect_compile_error(stopped("cpp", "#include <" + std::string(device) + ">\nint main() {}"));
  }
  expect_next_is_clean("cpp");
}

// A header of the host that everybody may read, while this lives; and what else a source might like to read.
struct FilesOfTheHost {
  const std::string secret = testing::TempDir() + "grpo-secret-" + std::to_string(getpid()) + ".h";
  const std::vector<std::string> all = {"/etc/shadow", secret, "/root/.bashrc", "/etc/hostname"};
  FilesOfTheHost() {
    std::ofstream(secret) << "#define SECRET 1\n";
    chmod(secret.c_str(), 0644);
  }
  ~FilesOfTheHost() { std::remove(secret.c_str()); }
};

TEST(CompileAttack, Row55FilesOfTheHostCannotBeRead) {
  GRPO_NEED_LANGUAGE("cpp");
  const FilesOfTheHost files;
  for (const std::string& file : files.all) {
    const Compiled included = compiled("cpp", "#include \"" + file + "\"\nint main() {}");
    expect_compile_error(included);
    EXPECT_NE(included.log.find(file), std::string::npos) << included.log;
    expect_compile_error(compiled("cpp", "asm(\".incbin \\\"" + file + "\\\"\");\nint main() {}"));
  }
}

TEST(CompileAttack, Row55WhichFilesTheHostHasIsNotSeen) {
  GRPO_NEED_LANGUAGE("cpp");
  const FilesOfTheHost files;
  for (const std::string& file : files.all) {
    const Compiled oracle =
        compiled("cpp", "#if __has_include(\"" + file + "\")\n#error it is there\n#endif\nint main() {}");
    EXPECT_TRUE(oracle.ok) << oracle.log;
  }
}

TEST(CompileAttack, Row55RustSeesNoFilesOfTheHost) {
  GRPO_NEED_LANGUAGE("rust");
  const Compiled included =
      compiled("rust", "fn main() { println!(\"{}\", include_str!(\"/etc/shadow\")); }");
  expect_compile_error(included);
  EXPECT_EQ(included.log.find("root:"), std::string::npos);
  expect_compile_error(compiled("rust", "fn main() { println!(\"{}\", env!(\"GRPO_SECRET\")); }"));
}

TEST(CompileAttack, Row56StdinAsAHeaderIsEmpty) {
  GRPO_NEED_LANGUAGE("cpp");
  const auto start = std::chrono::steady_clock::now();
  const Compiled result = compiled("cpp", "#include \"/dev/stdin\"\nint x = undeclared;\nint main() {}");
  expect_compile_error(result);
  EXPECT_EQ(result.log.find("compile limit"), std::string::npos) << result.log;
  EXPECT_LT(std::chrono::steady_clock::now() - start, std::chrono::seconds(10));
}

TEST(CompileAttack, Row57TemplateBomb) {
  GRPO_NEED_LANGUAGE("cpp");
  const Compiled result =
      stopped("cpp",
              "template <int D, int X> struct T { static const int v = T<D - 1, 2 * X>::v + T<D - 1, 2 "
              "* X + 1>::v; };\n"
              "template <int X> struct T<0, X> { static const int v = X; };\n"
              "int main() { return T<24, 0>::v; }");
  expect_compile_error(result);
  EXPECT_NE(result.log.find("compile limit"), std::string::npos) << result.log;
  expect_next_is_clean("cpp");
}

TEST(CompileAttack, Row58ConstantExpressionWithoutEnd) {
  GRPO_NEED_LANGUAGE("cpp");
  expect_compile_error(
      stopped("cpp",
              "constexpr long f() { long s = 0; for (long i = 0; i < 1L << 60; ++i) s += i; return s; }\n"
              "static_assert(f() == 1);\nint main() {}"));
}

TEST(CompileAttack, Row59MacroOfABillionLaughs) {
  GRPO_NEED_LANGUAGE("cpp");
  std::string source = "#define A0 x+x+x+x+x+x+x+x+x+x\n";
  for (int i = 1; i <= 9; ++i) {
    source += "#define A" + std::to_string(i);
    for (int k = 0; k < 10; ++k) source += (k > 0 ? "+A" : " A") + std::to_string(i - 1);
    source += "\n";
  }
  expect_compile_error(stopped("cpp", source + "int main() { int x = 1; return A9; }"));
  expect_next_is_clean("cpp");
}

TEST(CompileAttack, Row60DiagnosticsWithoutEnd) {
  GRPO_NEED_LANGUAGE("cpp");
  std::string source;
  for (int i = 0; i < 60'000; ++i) source += "undeclared_" + std::to_string(i) + " x;\n";
  const Compiled many = stopped("cpp", source);
  expect_compile_error(many);
  EXPECT_LT(many.log.size(), 4'000u);  // three errors
  expect_compile_error(stopped("cpp", "#include \"main.cpp\"\n#include \"main.cpp\"\nint x = y;\n"));
  // Lines of a warning that no option stops.
  std::string messages;
  for (int i = 0; i < 3'000; ++i) messages += "#pragma message \"" + std::string(200, 'x') + "\"\n";
  const Compiled loud = stopped("cpp", messages + "int main() { return undeclared; }");
  expect_compile_error(loud);
}

TEST(CompileAttack, Row61GigabyteOfData) {
  GRPO_NEED_LANGUAGE("cpp");
  const Compiled result = stopped("cpp", "char a[1 << 30] = {1};\nint main() { return a[5]; }");
  expect_compile_error(result);
  EXPECT_NE(result.log.find("limit"), std::string::npos) << result.log;
  // As text of the assembler it costs the compiler nothing, and the linker a file.
  const Compiled zeros = stopped("cpp", "asm(\".zero 1073741824\");\nint main() {}");
  expect_compile_error(zeros);
  expect_next_is_clean("cpp");
}

TEST(CompileAttack, Row62AnnotationProcessorIsNotRun) {
  GRPO_NEED_LANGUAGE("java");
  // A processor would have to be named and on the class path; javac is told to use none.
  const Compiled result = compiled(
      "java",
      "import javax.annotation.processing.*;\nimport javax.lang.model.element.*;\nimport java.util.*;\n"
      "@SupportedAnnotationTypes(\"*\")\npublic class P extends AbstractProcessor {\n"
      "  static { System.exit(3); }\n"
      "  public boolean process(Set<? extends TypeElement> a, RoundEnvironment e) { System.exit(3); return "
      "true; }\n"
      "  public static void main(String[] a) {}\n}");
  EXPECT_TRUE(result.ok) << result.log;
}

TEST(CompileAttack, Row62RustAndGccRunNothingOfTheSource) {
  GRPO_NEED_LANGUAGE("cpp");
  expect_compile_error(compiled("cpp", "#pragma GCC plugin \"evil\"\n#include \"evil.so\"\nint main() {}"));
  if (has_language("rust")) {
    expect_compile_error(
        compiled("rust", "#![feature(plugin)]\n#![plugin(evil)]\nextern crate evil;\nfn main() {}"));
  }
}

TEST(CompileAttack, Row63NamesAndFlagsInTheSourceAreData) {
  GRPO_NEED_LANGUAGE("cpp");
  const Compiled odd = compiled(
      "cpp", "// -o /etc/passwd `reboot` $(reboot) ; @file\n#line 1 \"-fplugin=evil.so\"\nint main() {}");
  EXPECT_TRUE(odd.ok) << odd.log;
  const Compiled quoted = compiled("cpp", "#include \"$(id).h\"\nint main() {}");
  expect_compile_error(quoted);
}

TEST(CompileAttack, Row63JavaClassIsNamedAsItsFile) {
  GRPO_NEED_LANGUAGE("java");
  const Compiled named = compiled(
      "java", "public class Odd_Name$1 { public static void main(String[] a) { System.out.println(1); } }");
  EXPECT_TRUE(named.ok) << named.log;
  const Compiled injected = compiled("java", "public class $(reboot) { }\nclass `id` { }");
  expect_compile_error(injected);
}

}  // namespace
}  // namespace grpo
