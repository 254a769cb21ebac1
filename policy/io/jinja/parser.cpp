#include "policy/io/jinja/parser.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "policy/io/jinja/expression_parser.h"

namespace grpo::jinja {
namespace {

using Words = std::vector<std::string_view>;

class Parser {
 public:
  Parser(std::string_view text, const std::string& where) : in_(tokenize(text, where), where) {}

  Syntax run() {
    Syntax syntax;
    syntax.body.scope = in_.scopes.open();
    syntax.body.body = body({});
    syntax.symbols = std::move(in_.symbols);
    syntax.hidden = in_.scopes.hidden();
    syntax.marks_generation = marks_generation_;
    return syntax;
  }

 private:
  // Statements up to a tag that starts with one of `ends`, whose name is then the token at hand; up to the
  // end of the template where `ends` is empty.
  Body body(const Words& ends) {
    const TokenReader::Level level(in_);
    Body statements;
    for (;;) {
      const int line = in_.token().line;
      switch (in_.token().kind) {
        case Token::Kind::kData:
          add(statements, line, Data{text_value(in_.token().text)});
          in_.next();
          break;
        case Token::Kind::kPrintBegin: {
          in_.next();
          ExprPtr value = in_.tuple();
          in_.expect(Token::Kind::kPrintEnd, "}}");
          add(statements, line, Print{std::move(value)});
          break;
        }
        case Token::Kind::kBlockBegin:
          in_.next();
          if (std::any_of(ends.begin(), ends.end(), [&](std::string_view end) { return in_.at_name(end); })) {
            return statements;
          }
          statement(statements, line);
          in_.expect(Token::Kind::kBlockEnd, "%}");
          break;
        case Token::Kind::kEnd:
          if (ends.empty()) return statements;
          in_.fail(fmt::format("the template ends before {}", std::string(ends.back())), "close the block");
        default:
          in_.fail(fmt::format("unexpected {}", in_.describe()));
      }
    }
  }

  // The body of a block whose opening tag is at its end; takes the name of the closing tag.
  Body block(const Words& ends, bool take_end = true) {
    in_.take_operator(":");
    in_.expect(Token::Kind::kBlockEnd, "%}");
    Body statements = body(ends);
    if (take_end) in_.next();
    return statements;
  }

  template <typename Node>
  static void add(Body& statements, int line, Node node) {
    auto made = std::make_unique<Statement>();
    made->line = line;
    made->node = std::move(node);
    statements.push_back(std::move(made));
  }

  static Value text_value(const std::string& text) {
    auto made = std::make_shared<Text>();
    made->ascii = is_ascii(text);
    made->utf8 = text;
    return TextPtr(std::move(made));
  }

  void statement(Body& out, int line) {
    const std::string tag = in_.expect_name();
    if (tag == "if") return add(out, line, if_statement());
    if (tag == "for") return add(out, line, for_statement());
    if (tag == "set") return set_statement(out, line);
    if (tag == "macro") return add(out, line, macro());
    if (tag == "call") return add(out, line, call_block());
    if (tag == "with") return add(out, line, with());
    if (tag == "filter") return add(out, line, filter_block());
    if (tag == "print") return print(out, line);
    if (tag == "generation") {
      marks_generation_ = true;
      return add(out, line, Generation{apart({"endgeneration"})});
    }
    if (tag == "break" || tag == "continue") {
      if (loops_ == 0) in_.fail(fmt::format("'{}' outside of a loop", tag));
      return tag == "break" ? add(out, line, Break{}) : add(out, line, Continue{});
    }
    const bool files =
        tag == "extends" || tag == "include" || tag == "import" || tag == "from" || tag == "block";
    if (files) in_.fail(fmt::format("tag '{}' is not supported: a chat template is one file", tag));
    in_.fail(fmt::format("tag '{}' is not known here", tag),
             "known tags: if, for, set, macro, call, with, filter, print, raw, generation, break, continue");
  }

  If if_statement() {
    If node;
    for (;;) {
      ExprPtr test = in_.tuple(false);
      in_.scopes.enter_branch();
      Body then = block({"elif", "else", "endif"}, false);
      in_.scopes.leave_branch();
      node.branches.emplace_back(std::move(test), std::move(then));
      if (in_.take_name("elif")) continue;
      if (in_.take_name("else")) {
        in_.scopes.enter_branch();
        node.otherwise = block({"endif"});
        in_.scopes.leave_branch();
      } else {
        in_.next();
      }
      return node;
    }
  }

  For for_statement() {
    For node;
    node.target = target(false, "in");
    if (!in_.take_name("in")) in_.fail(fmt::format("expected 'in', found {}", in_.describe()));
    node.iterable = in_.tuple(false, "recursive");
    if (in_.take_name("if")) {
      in_.scopes.open();
      declare(node.target);
      node.condition = in_.expression();
      in_.scopes.close();
    }
    if (in_.at_name("recursive"))
      in_.fail("recursive loops are not supported", "use a macro that calls itself");
    const int uses = in_.loop_uses;
    ++loops_;
    node.body.scope = in_.scopes.open();
    declare(node.target);
    in_.scopes.parameter(in_.symbol("loop"));
    node.body.body = block({"endfor", "else"}, false);
    in_.scopes.close();
    --loops_;
    node.uses_loop = in_.loop_uses > uses;
    node.otherwise.scope = in_.scopes.open();
    if (in_.take_name("else")) {
      node.otherwise.body = block({"endfor"});
    } else {
      in_.next();
    }
    in_.scopes.close();
    return node;
  }

  // The variables of a target are there from the start of a scope.
  void declare(const Target& target) {
    if (target.symbol >= 0) in_.scopes.parameter(target.symbol);
    for (const Target& item : target.items) declare(item);
  }

  // They are assigned in the scope at hand.
  void store(const Target& target) {
    if (target.symbol >= 0)
      target.attribute ? in_.scopes.load(target.symbol) : in_.scopes.store(target.symbol);
    for (const Target& item : target.items) store(item);
  }

  // One thing to assign to: a name, or namespace.attribute, or several in parentheses.
  Target single_target(bool with_attributes) {
    const TokenReader::Level level(in_);
    if (in_.take_operator("(")) {
      Target inner = target(with_attributes, nullptr);
      in_.expect_operator(")");
      return inner;
    }
    Target made;
    const std::string name = in_.expect_name();
    for (const char* constant : {"true", "false", "none", "True", "False", "None"}) {
      if (name == constant) in_.fail(fmt::format("can't assign to '{}'", name));
    }
    if (name == "loop" && loops_ > 0)
      in_.fail("a loop assigns to `loop`, its own variable", "use another name");
    made.symbol = in_.symbol(name);
    if (with_attributes && in_.take_operator(".")) made.attribute = in_.expect_name();
    return made;
  }

  Target target(bool with_attributes, const char* ends_at) {
    Target made;
    for (;;) {
      const bool ends = in_.token().kind == Token::Kind::kBlockEnd || in_.at_operator(")") ||
                        in_.at_operator("=") || (ends_at != nullptr && in_.at_name(ends_at));
      if (ends) break;
      made.items.push_back(single_target(with_attributes));
      if (!in_.take_operator(",")) break;
      made.several = true;
    }
    if (made.items.empty()) in_.fail(fmt::format("expected a name to assign to, found {}", in_.describe()));
    if (made.several) return made;
    Target only = std::move(made.items[0]);
    return only;
  }

  void set_statement(Body& out, int line) {
    Target to = target(true, nullptr);
    if (in_.take_operator("=")) {
      ExprPtr value = in_.tuple();
      store(to);
      return add(out, line, Set{std::move(to), std::move(value)});
    }
    ExprPtr value = in_.filters(in_.make(line, BlockText{}, 0), false);
    store(to);
    ScopedBody inner = apart({"endset"});
    add(out, line, SetBlock{std::move(to), std::move(value), std::move(inner)});
  }

  // A block with a scope of its own, which break and continue do not leave.
  ScopedBody apart(const Words& ends) {
    const int loops = std::exchange(loops_, 0);
    ScopedBody inner;
    inner.scope = in_.scopes.open();
    inner.body = block(ends);
    in_.scopes.close();
    loops_ = loops;
    return inner;
  }

  void signature_arguments(Signature& signature) {
    in_.expect_operator("(");
    while (!in_.at_operator(")")) {
      const std::string name = in_.expect_name();
      if (std::find(signature.argument_names.begin(), signature.argument_names.end(), name) !=
          signature.argument_names.end()) {
        in_.fail(fmt::format("the argument '{}' stands there twice", name));
      }
      signature.argument_names.push_back(name);
      signature.arguments.push_back(in_.symbol(name));
      in_.scopes.parameter(in_.symbol(name));
      if (in_.take_operator("=")) {
        signature.defaults.push_back(in_.expression());
      } else if (!signature.defaults.empty()) {
        in_.fail("non-default argument follows default argument");
      }
      if (!in_.at_operator(")")) in_.expect_operator(",");
    }
    in_.next();
  }

  // The body of a macro whose scope is open.
  void signature_body(Signature& signature, const char* end) {
    for (const char* name : {"caller", "varargs", "kwargs"}) in_.scopes.parameter(in_.symbol(name));
    in_.open_signatures.push_back(&signature);
    const int loops = std::exchange(loops_, 0);
    signature.body.body = block({end});
    loops_ = loops;
    in_.open_signatures.pop_back();
    in_.scopes.close();
  }

  MacroDefinition macro() {
    MacroDefinition node;
    node.signature.name = in_.expect_name();
    node.symbol = in_.symbol(node.signature.name);
    in_.scopes.store(node.symbol);
    node.signature.body.scope = in_.scopes.open();
    signature_arguments(node.signature);
    signature_body(node.signature, "endmacro");
    return node;
  }

  CallBlock call_block() {
    CallBlock node;
    node.signature.name = "caller";
    const int scope = in_.scopes.open();
    node.signature.body.scope = scope;
    if (in_.at_operator("(")) signature_arguments(node.signature);
    in_.scopes.close();
    node.call = in_.expression();
    if (!std::holds_alternative<CallOf>(node.call->node)) in_.fail("expected call");
    in_.scopes.reopen(scope);
    signature_body(node.signature, "endcall");
    return node;
  }

  With with() {
    With node;
    while (in_.token().kind != Token::Kind::kBlockEnd) {
      if (!node.values.empty()) in_.expect_operator(",");
      Target to = target(false, nullptr);
      in_.expect_operator("=");
      node.values.emplace_back(std::move(to), in_.expression());
    }
    node.body.scope = in_.scopes.open();
    for (const auto& [to, value] : node.values) declare(to);
    node.body.body = block({"endwith"});
    in_.scopes.close();
    return node;
  }

  FilterBlock filter_block() {
    FilterBlock node;
    node.value = in_.filters(in_.make(in_.token().line, BlockText{}, 0), true);
    node.body = apart({"endfilter"});
    return node;
  }

  void print(Body& out, int line) {
    for (bool first = true; in_.token().kind != Token::Kind::kBlockEnd; first = false) {
      if (!first) in_.expect_operator(",");
      add(out, line, Print{in_.expression()});
    }
  }

  ExpressionParser in_;
  int loops_ = 0;  // around the statement at hand, within its function
  bool marks_generation_ = false;
};

}  // namespace

Syntax parse(std::string_view text, const std::string& where) {
  return Parser(text, where).run();
}

}  // namespace grpo::jinja
