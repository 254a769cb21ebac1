// Suites in Java. The candidate lives in a package of its own; where the tests expect its class they find ours, of the same
// name, whose method under test calls the candidate's by reflection and makes plain copies of what comes back: classes
// of the candidate that are called Arrays, or are equal to everything, never meet the tests.

#include "core/error.h"
#include "sandbox/languages/java_source.h"
#include "sandbox/languages/signature.h"
#include "sandbox/languages/suite.h"

namespace grpo {
namespace {

// Starts the tests, and says when they are done. The end word is on the stack of main, where nothing reflects.
const char* const kStart = R"(
import java.io.FileDescriptor;
import java.io.FileOutputStream;

public class GrpoSuite {
  public static void main(String[] arguments) throws Throwable {
    byte[] word = System.in.readNBytes(32);
    System.in.close();
    FileOutputStream out = new FileOutputStream(FileDescriptor.out);
    {tests}.main(new String[0]);
    System.out.flush();
    out.write(word);
  }
}
)";

const char* const kCandidate = R"(
import java.lang.reflect.Array;
import java.lang.reflect.Constructor;
import java.lang.reflect.InvocationTargetException;
import java.lang.reflect.Method;
import java.util.AbstractMap;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Collection;
import java.util.Deque;
import java.util.LinkedHashMap;
import java.util.LinkedHashSet;
import java.util.LinkedList;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.SortedMap;
import java.util.SortedSet;
import java.util.TreeMap;
import java.util.TreeSet;

final class GrpoCandidate {
  private GrpoCandidate() {}

  static Object make(String type) {
    try {
      Constructor<?> constructor = Class.forName(type).getDeclaredConstructor();
      constructor.setAccessible(true);
      return constructor.newInstance();
    } catch (InvocationTargetException failure) {
      throw GrpoCandidate.<RuntimeException>thrown(failure.getCause());
    } catch (ReflectiveOperationException failure) {
      throw new IllegalStateException("the candidate has no " + type + " to make: " + failure);
    }
  }

  static Object call(Object candidate, String name, Object... arguments) {
    try {
      for (Method method : candidate.getClass().getDeclaredMethods()) {
        if (!method.getName().equals(name) || method.getParameterCount() != arguments.length || method.isBridge()) {
          continue;
        }
        method.setAccessible(true);
        return plain(method.invoke(candidate, arguments), 0);
      }
      throw new IllegalStateException("the candidate has no method " + name);
    } catch (InvocationTargetException failure) {
      throw GrpoCandidate.<RuntimeException>thrown(failure.getCause());
    } catch (IllegalAccessException failure) {
      throw new IllegalStateException(failure);
    }
  }

  // Declared or not, what the candidate throws goes on as it is.
  @SuppressWarnings("unchecked")
  private static <T extends Throwable> T thrown(Throwable cause) throws T {
    throw (T) cause;
  }

  private static Object plain(Object value, int depth) {
    if (depth > 100) throw new IllegalStateException("the candidate's result is nested more than 100 deep");
    if (value == null) return null;
    Class<?> type = value.getClass();
    if (type.isArray()) {
      int length = Array.getLength(value);
      Object copy = Array.newInstance(type.getComponentType(), length);
      for (int i = 0; i < length; i++) Array.set(copy, i, plain(Array.get(value, i), depth + 1));
      return copy;
    }
    if (value instanceof Optional) return Optional.ofNullable(plain(((Optional<?>) value).orElse(null), depth + 1));
    if (value instanceof Map.Entry) {
      Map.Entry<?, ?> entry = (Map.Entry<?, ?>) value;
      return new AbstractMap.SimpleEntry<>(plain(entry.getKey(), depth + 1), plain(entry.getValue(), depth + 1));
    }
    if (value instanceof Map) {
      Map<Object, Object> copy = value instanceof SortedMap ? new TreeMap<>() : new LinkedHashMap<>();
      for (Map.Entry<?, ?> entry : ((Map<?, ?>) value).entrySet()) {
        copy.put(plain(entry.getKey(), depth + 1), plain(entry.getValue(), depth + 1));
      }
      return copy;
    }
    if (value instanceof Collection) {
      Collection<Object> copy = value instanceof SortedSet ? new TreeSet<>()
          : value instanceof Set                           ? new LinkedHashSet<>()
          : value instanceof LinkedList                    ? new LinkedList<>()
          : value instanceof Deque                         ? new ArrayDeque<>()
                                                           : new ArrayList<>();
      for (Object element : (Collection<?>) value) copy.add(plain(element, depth + 1));
      return copy;
    }
    // Numbers, strings and all else that the Java library itself defines.
    if (type.getClassLoader() == null) return value;
    throw new IllegalStateException("the candidate's result is of its own " + type);
  }
}
)";

std::string replaced(std::string text, const std::string& from, const std::string& to) {
  const size_t at = text.find(from);
  return at == std::string::npos ? text : text.replace(at, from.size(), to);
}

std::vector<std::string> words(const std::string& text) {
  std::vector<std::string> found;
  std::string word;
  int depth = 0;
  for (const char c : text + " ") {
    if (c == '<') ++depth;
    if (c == '>') --depth;
    if (c == ' ' && depth == 0) {
      if (!word.empty()) found.push_back(word);
      word.clear();
    } else {
      word += c;
    }
  }
  return found;
}

// "public static <T> List<T>": the modifiers, and the type that is left.
struct Head {
  bool is_static = false;
  std::string type;
};

Head read_head(const std::string& head) {
  Head result;
  for (const std::string& word : words(head)) {
    result.is_static |= word == "static";
    result.type = word;  // the last one
  }
  return result;
}

// The class under test as the tests see it: the data set's own text up to the method under test, whose body is ours.
std::string stand_in(const SuiteContext& context, const Signature& signature, const std::string& type,
                     const std::string& package) {
  const Head head = read_head(signature.head);
  const std::string make = "GrpoCandidate.make(\"" + package + "." + type + "\")";
  std::string call = "GrpoCandidate.call(" + (head.is_static ? make : std::string("grpoCandidate")) + ", \"" +
                     signature.name + "\"";
  // A single array must not become the list of arguments.
  for (const std::string& name : signature.names) call += ", (Object) " + name;
  call += ")";
  std::string text = context.suite.prelude + "\n" + signature.before + "\n";
  if (!head.is_static) text += "private final Object grpoCandidate = " + make + ";\n";
  text += "@SuppressWarnings(\"unchecked\")\n" + signature.head + " " + signature.name + "(" +
          signature.parameters + ") " + signature.after + " {\n";
  text += head.type == "void" ? call + ";\n" : "return (" + head.type + ") " + call + ";\n";
  for (int i = 0; i < signature.open_braces + 1; ++i) text += "}\n";
  return text;
}

// `package` is the candidate's own, or empty.
std::string in_package(const std::string& source, const JavaSource& parsed, const std::string& package) {
  return parsed.package.empty() ? "package " + package + ";\n" + source : source;
}

}  // namespace

Judgement judge_java_suite(const SuiteContext& context) {
  const auto signature = last_signature(declaration_of(context));
  if (!signature) refuse_suite(context, "the declaration does not end with a method: \"... {\"");
  const JavaSource declared = read_java_source(signature->before);
  if (declared.types.empty()) refuse_suite(context, "the declaration's method is in no class");
  const std::string type = declared.types.back().name;
  const std::string tests = read_java_source(context.suite.test_code).file_name();

  const std::string text = candidate_text(context);
  const JavaSource parsed = read_java_source(text);
  const std::string package = parsed.package.empty() ? "candidate" : parsed.package;
  if (package == "java" || package.compare(0, 5, "java.") == 0) {
    return suite_did_not_compile("the candidate is in the package " + package + "\n", context.sandbox.tier());
  }
  // Ours first: the first file names the program.
  std::vector<SourceFile> files = {
      {"GrpoSuite.java", replaced(kStart, "{tests}", tests)},
      {"GrpoCandidate.java", kCandidate},
      {type + ".java", stand_in(context, *signature, type, package)},
      {tests + ".java",
       java_imports(context.suite.prelude + "\n" + signature->before) + context.suite.test_code},
      {"candidate/" + parsed.file_name() + ".java", in_package(text, parsed, package)}};
  const Compiled compiled = context.compiler.compile("java", files);
  if (!compiled.failure.empty()) return suite_failed_to_run(compiled.failure, context.sandbox.tier());
  if (!compiled.ok) {
    // Ours does not name the candidate: what fails without it is the task's fault.
    files.pop_back();
    const Compiled alone = context.compiler.compile("java", files);
    if (!alone.failure.empty()) return suite_failed_to_run(alone.failure, context.sandbox.tier());
    return alone.ok ? suite_did_not_compile(compiled.log, context.sandbox.tier())
                    : tests_did_not_compile(alone.log, context.sandbox.tier());
  }
  return run_suite(context, compiled.program, tests + ".java");
}

}  // namespace grpo
