#include "rewards/code/extract_code.h"

#include <gtest/gtest.h>

#include <chrono>

#include "rewards/code/code_blocks.h"
#include "tests/patience.h"

namespace grpo {
namespace {

struct Row {
  const char* what;
  const char* text;
  const char* last;   // the source that "last" finds in Python; null: none
  const char* first;  // the same for "first"
};

constexpr Row kRows[] = {
    {"one block", "Here:\n```python\nx = 1\n```\ndone", "x = 1\n", "x = 1\n"},
    {"two blocks", "```python\na\n```\n```python\nb\n```\n", "b\n", "a\n"},
    {"other languages do not count", "```python\na\n```\n```cpp\nb\n```", "a\n", "a\n"},
    {"aliases, any case", "```Py\na\n```\n", "a\n", "a\n"},
    {"attributes behind the tag", "```python title=\"a.py\"\na\n```", "a\n", "a\n"},
    {"pandoc's tag", "```{.python .numberLines}\na\n```", "a\n", "a\n"},
    {"tildes", "~~~python\na\n```\n~~~\n", "a\n```\n", "a\n```\n"},
    {"a longer fence holds shorter ones", "````python\n'''\n```\n'''\n````\n", "'''\n```\n'''\n",
     "'''\n```\n'''\n"},
    {"a longer closing fence", "```python\na\n`````\n", "a\n", "a\n"},
    {"an indented fence", "1. so:\n   ```python\n   if x:\n     y\n   ```\n", "if x:\n  y\n", "if x:\n  y\n"},
    {"content less indented than its fence", "   ```python\n  a\nb\n   ```\n", "a\nb\n", "a\nb\n"},
    {"a fence in a docstring is content",
     "```python\ndef f():\n    '''\n    ```\n    f()\n    ```\n    '''\n```\n",
     "def f():\n    '''\n    ```\n    f()\n    ```\n    '''\n",
     "def f():\n    '''\n    ```\n    f()\n    ```\n    '''\n"},
    {"an open block ends with the text", "```python\na\nb", "a\nb", "a\nb"},
    {"a block given up for the next", "```python\na\n\nNo:\n```python\nb\n```\n", "b\n", "b\n"},
    {"a block inside of one of another kind", "```markdown\n# t\n```python\na\n```\n```\nmore\n", "a\n",
     "a\n"},
    {"a block inside of a right one is part of it", "```python\ns = '''\n```python\nx\n```\n'''\n```\n",
     "s = '''\n```python\nx\n```\n'''\n", "s = '''\n```python\nx\n```\n'''\n"},
    {"line ends of DOS", "```python\r\na\r\nb\r\n```\r\n", "a\nb\n", "a\nb\n"},
    {"no tag", "```\na\n```\n", "a\n", "a\n"},
    {"a tag beats none", "```python\na\n```\nprints\n```\n5\n```\n", "a\n", "a\n"},
    {"blank blocks are none", "```python\na\n```\n```python\n\n  \n```\n", "a\n", "a\n"},
    {"code within a line is no fence", "use ```python x``` here\n", nullptr, nullptr},
    {"no block", "x = 1", nullptr, nullptr},
    {"nothing", "", nullptr, nullptr},
    {"only another language", "```rust\na\n```", nullptr, nullptr},
    {"thinking is not searched", "<think>\n```python\na\n```\n</think>\nwell", nullptr, nullptr},
    {"behind the thinking", "<think>\n```python\na\n```\n</think>```python\nb\n```", "b\n", "b\n"},
    {"thinking that never ends", "<think>\n```python\na\n```\n", nullptr, nullptr},
    {"thinking opened anew", "</think>\n```python\na\n```\n<think>\n```python\nb\n```", "a\n", "a\n"},
    {"inside the answer", "```python\na\n```\n<answer>```python\nb\n```</answer>\n```python\nc\n```", "b\n",
     "b\n"},
    {"the last answer", "<answer>\n```python\na\n```\n</answer><answer>\n```python\nb\n```\n</answer>", "b\n",
     "b\n"},
    {"an answer whose end was a stop string", "```python\na\n```\n<answer>\n```python\nb\n```\n", "b\n",
     "b\n"},
    {"NUL and bytes that are no UTF-8", "```python\n\xff\xfe#\n```", "\xff\xfe#\n", "\xff\xfe#\n"},
};

ExtractOptions first() {
  ExtractOptions options;
  options.choice = BlockChoice::kFirst;
  return options;
}

std::string found(const Extraction& extraction) {
  return extraction.submission ? extraction.submission->source : "none: " + extraction.reason;
}

TEST(ExtractCode, FindsTheBlockThatTheTableNames) {
  for (const Row& row : kRows) {
    const Extraction last = extract_code(row.text, {"python"}),
                     one = extract_code(row.text, {"python"}, first());
    EXPECT_EQ(last.submission.has_value(), row.last != nullptr) << row.what << ": " << last.reason;
    EXPECT_EQ(one.submission.has_value(), row.first != nullptr) << row.what << ": " << one.reason;
    if (row.last != nullptr && last.submission) {
      EXPECT_EQ(last.submission->source, row.last) << row.what;
    }
    if (row.first != nullptr && one.submission) {
      EXPECT_EQ(one.submission->source, row.first) << row.what;
    }
    EXPECT_EQ(last.reason.empty(), row.last != nullptr) << row.what;
  }
}

TEST(ExtractCode, TheTagChoosesAmongSeveralLanguages) {
  const std::string text = "```python\na\n```\n```c++\nb\n```\n```text\n5\n```\n```\n6\n```\n";
  const Extraction both = extract_code(text, {"python", "cpp"});
  ASSERT_TRUE(both.submission);
  EXPECT_EQ(both.submission->language, "cpp");
  EXPECT_EQ(both.submission->source, "b\n");
  const Extraction one = extract_code(text, {"python", "cpp"}, first());
  ASSERT_TRUE(one.submission);
  EXPECT_EQ(one.submission->language, "python");
  EXPECT_FALSE(extract_code("```\na\n```", {"python", "cpp"}).submission)
      << "a block without a tag is in no language";
}

TEST(ExtractCode, OnlyMeansOneBlockOfAnyLanguage) {
  ExtractOptions only;
  only.choice = BlockChoice::kOnly;
  EXPECT_EQ(found(extract_code("so\n```python\na\n```\n", {"python"}, only)), "a\n");
  EXPECT_FALSE(extract_code("```python\na\n```\n```python\nb\n```\n", {"python"}, only).submission);
  EXPECT_FALSE(extract_code("```python\na\n```\n```text\n5\n```\n", {"python"}, only).submission);
  EXPECT_EQ(found(extract_code("```python\na\n```\n```\n\n```\n", {"python"}, only)), "a\n")
      << "blank blocks are none";
  EXPECT_FALSE(extract_code("```cpp\na\n```", {"python"}, only).submission);
}

TEST(ExtractCode, AWholeTextIsAProgramOnlyWhereThatIsAskedFor) {
  ExtractOptions whole;
  whole.whole = true;
  EXPECT_FALSE(extract_code("    return 1\n", {"python"}).submission);
  EXPECT_EQ(found(extract_code("    return 1\n", {"python"}, whole)), "    return 1\n");
  EXPECT_EQ(found(extract_code("<think>x</think>    return 1\n", {"python"}, whole)), "    return 1\n");
  EXPECT_EQ(found(extract_code("so <answer>  x</answer>", {"python"}, whole)), "  x");
  EXPECT_FALSE(extract_code("```cpp\na\n```", {"python"}, whole).submission)
      << "it has a block, of another language";
  EXPECT_FALSE(extract_code(" \n", {"python"}, whole).submission);
  EXPECT_FALSE(extract_code("x", {"python", "cpp"}, whole).submission) << "in which language would it be?";
}

TEST(ExtractCode, ThinkingIsSearchedOnlyWhereThatIsAskedFor) {
  ExtractOptions all;
  all.search_thinking = true;
  EXPECT_EQ(found(extract_code("<think>\n```python\na\n```\n</think>\nwell", {"python"}, all)), "a\n");
}

TEST(ExtractCode, AProgramBeyondTheLimitIsNone) {
  const std::string text = "```python\n" + std::string(kSourceBytesMax + 1, '#') + "\n```";
  const Extraction extraction = extract_code(text, {"python"});
  EXPECT_FALSE(extraction.submission);
  EXPECT_EQ(extraction.reason, "the program is too long");
}

// Time in all, so that one slow moment of the machine says nothing.
TEST(ExtractCode, TimeIsLinearInTheText) {
  const std::string pieces[] = {"```python\n", "```\n",    "~~~\n",    "`",         "    ```python\n",
                                "<think>",     "</think>", "<answer>", "</answer>", "```python\n```python\n",
                                "````````",    "\n",       "\xff",     "{.",        "```p\n~~~q\n"};
  const auto start = std::chrono::steady_clock::now();
  for (const std::string& piece : pieces) {
    std::string text;
    while (text.size() < (size_t{1} << 20)) text += piece;
    for (const BlockChoice choice : {BlockChoice::kLast, BlockChoice::kFirst, BlockChoice::kOnly}) {
      ExtractOptions options;
      options.choice = choice;
      options.search_thinking = choice == BlockChoice::kFirst;
      (void)extract_code(text, {"python"}, options);
    }
  }
  EXPECT_LT(std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count(), patience(15.0));
}

TEST(CodeBlocks, BlocksKnowWhatTheyStandIn) {
  const auto blocks = find_code_blocks("```md\n```python\na\n```\n```\n~~~\nb\n");
  ASSERT_EQ(blocks.size(), 3u);
  EXPECT_EQ(blocks[0].tag, "md");
  EXPECT_TRUE(blocks[0].has_blocks && blocks[0].closed);
  EXPECT_EQ(blocks[1].parent, 0);
  EXPECT_EQ(blocks[1].content, "a\n");
  EXPECT_EQ(blocks[2].parent, -1);
  EXPECT_FALSE(blocks[2].closed);
  EXPECT_EQ(blocks[2].content, "b\n");
}

}  // namespace
}  // namespace grpo
