// Suites in Rust. The candidate is a crate of its own, compiled where no tests are; the tests are the program that links
// it. They call it through a function of the declared signature, so what comes back is of the declared types, and none
// of the candidate's names, macros or traits are in their scope.

#include <algorithm>
#include <cctype>
#include <sstream>

#include "sandbox/languages/rust_types.h"
#include "sandbox/languages/signature.h"
#include "sandbox/languages/suite.h"

namespace grpo {
namespace {

const char* const kMain = R"(
fn main() {
    use ::std::io::{Read as GrpoRead, Write as GrpoWrite};
    use ::std::os::fd::FromRawFd as GrpoFromRawFd;
    let mut word = [0u8; 32];
    {
        // Closed at the end of this block, before anything of the candidate runs.
        let mut input = unsafe { ::std::fs::File::from_raw_fd(0) };
        let _ = input.read_exact(&mut word);
    }
    {run};
    let mut out = ::std::io::stdout();
    let _ = out.write_all(&word);
    let _ = out.flush();
}
)";

bool is_word(char c) {
  return std::isalnum(static_cast<unsigned char>(c)) != 0 || c == '_';
}

// Whole words of a text that let a crate put its own functions in the place of the C library's.
std::string symbol_trick(const std::string& source) {
  for (const std::string word :
       {"no_mangle", "export_name", "link_section", "linkage", "asm", "global_asm", "naked_asm"}) {
    for (size_t at = source.find(word); at != std::string::npos; at = source.find(word, at + 1)) {
      const bool starts = at == 0 || !is_word(source[at - 1]);
      const bool ends = at + word.size() >= source.size() || !is_word(source[at + word.size()]);
      if (starts && ends) return word;
    }
  }
  return "";
}

// Without "use rand::Rng;" and the like, line by line: HumanEval-X declares crates that nearly no solution needs. Only
// what comes with Rust is here.
std::string without_foreign_crates(const std::string& text) {
  std::stringstream lines(text);
  std::string result;
  for (std::string line; std::getline(lines, line);) {
    const size_t from = line.find_first_not_of(" \t");
    bool keep = true;
    if (from != std::string::npos && line.compare(from, 4, "use ") == 0) {
      size_t start = line.find_first_not_of(" :", from + 4);
      size_t end = start;
      while (end != std::string::npos && end < line.size() && is_word(line[end])) ++end;
      const std::string crate = start == std::string::npos ? "" : line.substr(start, end - start);
      keep = crate == "std" || crate == "core" || crate == "alloc" || crate == "crate" || crate == "self" ||
             crate == "super";
    }
    result += (keep ? line : "") + "\n";
  }
  return text.empty() || text.back() == '\n' ? result : result.substr(0, result.size() - 1);
}

void remove_all(std::string& text, const std::string& what) {
  for (size_t at = text.find(what); at != std::string::npos; at = text.find(what, at))
    text.erase(at, what.size());
}

struct Tests {
  std::string text;
  std::string run;  // the expression that runs them all
};

// "#[cfg(test)] mod tests { use super::*; #[test] fn a() {...} }" becomes a module with a function that calls each.
Tests read_tests(const SuiteContext& context) {
  std::string text = without_comments(context.suite.test_code);
  if (text.find("should_panic") != std::string::npos)
    refuse_suite(context, "tests that should panic are not supported");
  std::string calls;
  for (size_t at = text.find("#[test]"); at != std::string::npos; at = text.find("#[test]", at + 1)) {
    const size_t name = text.find("fn ", at);
    if (name == std::string::npos) break;
    size_t end = name + 3;
    while (end < text.size() && is_word(text[end])) ++end;
    calls += text.substr(name + 3, end - name - 3) + "(); ";
  }
  if (calls.empty()) refuse_suite(context, "the test code holds no #[test]");
  const size_t gate = text.find("#[cfg(test)]");
  remove_all(text, "#[cfg(test)]");
  remove_all(text, "#[test]");
  const size_t module = gate == std::string::npos ? gate : text.find("mod ", gate);
  const size_t open = module == std::string::npos ? module : text.find('{', module);
  if (open == std::string::npos) return {text, calls};
  size_t end = module + 4;
  while (is_word(text[end])) ++end;
  const std::string name = text.substr(module + 4, end - module - 4);
  text.insert(open + 1, " pub fn grpo_run() { " + calls + "} ");
  return {text, name + "::grpo_run()"};
}

// `conversion`: the arms of a match that the result goes through; empty: it is returned as it is.
std::string proxy(const Signature& signature, const std::string& target, const std::string& conversion = "") {
  std::string call = target + "::" + signature.name + "(";
  for (size_t i = 0; i < signature.names.size(); ++i) call += (i > 0 ? ", " : "") + signature.names[i];
  call += ")";
  if (!conversion.empty()) call = "match " + call + " { " + conversion + "}";
  return "fn " + signature.name + signature.generics + "(" + signature.parameters + ") " + signature.after +
         " { " + call + " }\n";
}

bool calls(const std::string& tests, const std::string& name) {
  for (size_t at = tests.find(name + "("); at != std::string::npos; at = tests.find(name + "(", at + 1)) {
    if (at == 0 || !is_word(tests[at - 1])) return true;
  }
  return false;
}

std::vector<std::string> rustc(const std::vector<std::string>& more) {
  std::vector<std::string> words = {"{tool:rustc}",
                                    "--edition",
                                    "2021",
                                    "-A",
                                    "warnings",
                                    "--color",
                                    "never",
                                    "-C",
                                    "codegen-units=1",
                                    "-C",
                                    "linker={tool:gcc}",
                                    "-C",
                                    "target-feature=+crt-static"};
  words.insert(words.end(), more.begin(), more.end());
  return words;
}

}  // namespace

Judgement judge_rust_suite(const SuiteContext& context) {
  auto signature = last_signature(declaration_of(context));
  if (!signature)
    refuse_suite(context, "the declaration does not end with a function: \"fn f(x: i32) -> i32 {\"");
  const Tests tests = read_tests(context);
  const std::string trick = symbol_trick(context.source);
  if (!trick.empty()) {
    return suite_did_not_compile("\"" + trick + "\" has no place in a program that is tested by calling it\n",
                                 context.sandbox.tier());
  }
  const std::string text = context.suite.prompt + context.source;
  const bool calls_another = !calls(tests.text, signature->name);
  if (auto called = calls_another ? called_function(text, tests.text) : std::nullopt) {
    called->before = signature->before;
    signature = std::move(called);
  }
  const ForeignEnum result = foreign_enum(text, *signature).value_or(ForeignEnum{});
  Build candidate;
  candidate.command = rustc(
      {"-O", "--crate-type", "rlib", "--crate-name", "candidate", "-o", "libcandidate.rlib", "candidate.rs"});
  candidate.files = {
      {"candidate.rs", without_foreign_crates(context.suite.prelude + "\n" + context.suite.prompt) +
                           context.source + "\n#[path = \"grpo_entry.rs\"]\npub mod grpo_entry;\n"},
      {"grpo_entry.rs", "use super::*;\npub " + proxy(*signature, "super")}};
  candidate.artefacts = {"libcandidate.rlib"};
  const Built crate = context.compiler.build("rust", candidate);
  if (auto judgement = judge_build(context, crate)) return *judgement;

  std::string main = kMain;
  main.replace(main.find("{run}"), 5, tests.run);
  Build program;
  program.command = rustc({"--extern", "candidate=libcandidate.rlib", "-o", "program", "tests.rs"});
  program.files = {
      {"tests.rs", without_foreign_crates(context.suite.prelude + "\n" + signature->before) +
                       "\n" + result.definition + "\nmod grpo_proxy;\nuse grpo_proxy::" + signature->name + ";\n" +
                       tests.text + main},
      {"grpo_proxy.rs", "use super::*;\npub " + proxy(*signature, "::candidate::grpo_entry", result.conversion)}};
  program.objects = {{"libcandidate.rlib", crate.artefacts[0]}};
  program.artefacts = {"program"};
  const Built linked = context.compiler.build("rust", program);
  if (!linked.failure.empty()) return suite_failed_to_run(linked.failure, context.sandbox.tier());
  if (!linked.ok) {
    // A candidate of other types than declared fails where it is called; one without the function that the tests call, or
    // whose enum is another than theirs, in the tests. What else fails there is their own.
    const bool has_no_function = calls_another && linked.log.find("E0425") != std::string::npos;
    const bool is_candidate =
        linked.log.find("grpo_proxy.rs") != std::string::npos || !result.name.empty() || has_no_function;
    return is_candidate ? suite_did_not_compile(linked.log, context.sandbox.tier())
                        : tests_did_not_compile(linked.log, context.sandbox.tier());
  }

  Program run;
  run.command = {"program"};
  run.executable = linked.artefacts[0];
  return run_suite(context, std::move(run), "tests.rs");
}

}  // namespace grpo
