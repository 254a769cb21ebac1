#include "pipelines/reply_journal.h"

#include <gtest/gtest.h>

#include <fstream>

#include "core/file.h"
#include "tests/temporary_folder.h"
#include "tests/throws_error.h"

namespace grpo {
namespace {

ChatReply reply_of(const std::string& text, int64_t tokens = 3) {
  return {.choices = {{.text = text, .reasoning = "so", .finish_reason = "stop"}},
          .has_usage = true,
          .prompt_tokens = 10,
          .completion_tokens = tokens,
          .tries = 2};
}

class Journal : public ::testing::Test {
 protected:
  Journal() : path_(folder_.file("replies.jsonl")) {}
  void write(const std::string& bytes) const { std::ofstream(path_, std::ios::binary) << bytes; }

  TemporaryFolder folder_;
  std::string path_;
};

TEST_F(Journal, WhatWasAcceptedIsThereForTheNextProcess) {
  {
    ReplyJournal journal(path_, 0);
    journal.accept(7, 2, "a", reply_of("line one\nline \"two\" \xE4\xBA\x94"));
    ASSERT_NE(journal.find(7, 2, "a"), nullptr);
    journal.accept(7, 3, "b", {.choices = {{.text = "t", .reasoning = "", .finish_reason = "length"}}});
  }
  const ReplyJournal journal(path_, 0);
  const ChatChoice* choice = journal.find(7, 2, "a");
  ASSERT_NE(choice, nullptr);
  EXPECT_EQ(choice->text, "line one\nline \"two\" \xE4\xBA\x94");
  EXPECT_EQ(choice->reasoning, "so");
  EXPECT_EQ(choice->finish_reason, "stop");
  EXPECT_EQ(journal.find(7, 3, "b")->finish_reason, "length");
  EXPECT_EQ(journal.find(7, 4, "a"), nullptr);
  EXPECT_EQ(journal.find(8, 2, "a"), nullptr);
  EXPECT_EQ(journal.completion_tokens(7), 3);
  EXPECT_EQ(journal.completion_tokens(6), 0);
}

TEST_F(Journal, AFailureIsNoReplyAndCountsInTheAccount) {
  {
    ReplyJournal journal(path_, 0);
    journal.note_failure(1, 0, "a", {.fault = EndpointFault::kStatus, .status = 500, .what = "status 500 (6 tries)", .tries = 6});
    journal.accept(1, 0, "a", reply_of("later"));
    journal.accept(1, 1, "b", {.choices = {{.text = "t", .reasoning = "", .finish_reason = ""}}});
  }
  const ReplyJournal journal(path_, 0);
  EXPECT_EQ(journal.find(1, 0, "a")->text, "later");
  for (const EndpointUsage& usage : {journal.usage(), journal_usage(path_)}) {
    EXPECT_EQ(usage.calls, 3);
    EXPECT_EQ(usage.failures, 1);
    EXPECT_EQ(usage.retries, 5 + 1);
    EXPECT_EQ(usage.replies_without_usage, 1);
    EXPECT_EQ(usage.prompt_tokens, 10);
    EXPECT_EQ(usage.completion_tokens, 3);
  }
  EXPECT_EQ(journal_usage(folder_.file("none")).calls, 0);
}

// Wherever a crash cuts the last line.
TEST_F(Journal, ATornLastLineIsDroppedAndTheNextOneIsWhole) {
  {
    ReplyJournal journal(path_, 0);
    journal.accept(0, 0, "a", reply_of("first"));
    journal.accept(0, 1, "b", reply_of("second"));
  }
  const std::string whole = read_file(path_);
  const size_t second = whole.find('\n') + 1;
  for (size_t cut = second; cut < whole.size(); ++cut) {
    write(whole.substr(0, cut));
    {
      ReplyJournal journal(path_, 0);
      EXPECT_NE(journal.find(0, 0, "a"), nullptr) << cut;
      EXPECT_EQ(journal.find(0, 1, "b"), nullptr) << cut;
      journal.accept(0, 1, "b", reply_of("second"));
    }
    EXPECT_EQ(read_file(path_), whole) << cut;
  }
}

TEST_F(Journal, AReplyToAnotherRequestIsRefused) {
  ReplyJournal journal(path_, 0);
  journal.accept(4, 1, "a", reply_of("x"));
  const Error error = error_of([&] { journal.find(4, 1, "b"); });
  EXPECT_TRUE(holds(error.summary(), "sample 1 of problem 4"));
  EXPECT_EQ(error.where(), path_);
}

TEST_F(Journal, WhatIsBehindIsForgottenAndCounted) {
  {
    ReplyJournal journal(path_, 0);
    for (int64_t draw = 0; draw < 4; ++draw) journal.accept(draw, 0, "a", reply_of("x"));
    journal.forget_before(2);
    EXPECT_EQ(journal.find(1, 0, "a"), nullptr);
    EXPECT_NE(journal.find(2, 0, "a"), nullptr);
    EXPECT_EQ(journal.usage().calls, 4);
  }
  const ReplyJournal journal(path_, 3);
  EXPECT_EQ(journal.find(2, 0, "a"), nullptr);
  EXPECT_NE(journal.find(3, 0, "a"), nullptr);
  EXPECT_EQ(journal.usage().calls, 4);
}

TEST_F(Journal, ALineThatIsNoneOfOursIsNamed) {
  for (const char* bytes : {"{\"draw\": 1}\n", "not json\n", "[]\n", "{\"tries\": \"x\"}\n"}) {
    write(bytes);
    EXPECT_TRUE(holds(error_of([&] { ReplyJournal(path_, 0); }).where(), "line 1")) << bytes;
  }
  EXPECT_TRUE(holds(error_of([&] { ReplyJournal(folder_.file("nowhere/replies.jsonl"), 0); }).summary(), "cannot open"));
}

TEST(RequestHash, TellsRequestsApart) {
  EXPECT_EQ(request_hash({{"seed", 1}}), request_hash({{"seed", 1}}));
  EXPECT_NE(request_hash({{"seed", 1}}), request_hash({{"seed", 2}}));
  EXPECT_EQ(request_hash({{"seed", 1}}).size(), 16u);
}

}  // namespace
}  // namespace grpo
