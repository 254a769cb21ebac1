#include "pipelines/data.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <atomic>
#include <ctime>
#include <exception>
#include <mutex>
#include <numeric>
#include <thread>
#include <unordered_map>

#include "core/data_file.h"
#include "core/error.h"
#include "core/seed.h"
#include "pipelines/answer_extractor.h"
#include "pipelines/conversation.h"
#include "pipelines/conversation_messages.h"
#include "pipelines/problems/generator.h"
#include "pipelines/prompt_template.h"

namespace grpo {
namespace {

// Separates the choice of worked solutions from every other use of the run's seed.
constexpr uint64_t kWorkedStream = 0x776f726b;
constexpr uint64_t kOrderStream = 0x6f726465;
constexpr uint64_t kGeneratorStream = 0x67656e65;

// The keys that only the template "chat" has a use for.
void read_chat_options(ObjectReader& r, DataOptions& o) {
  o.system = r.string("system", "");
  o.answer_prefix = r.string("answer_prefix", "");
  o.template_date = r.string("template_date", "");
  o.chat_template_kwargs = r.raw("chat_template_kwargs");
  if (!o.chat_template_kwargs.is_null() && !o.chat_template_kwargs.is_object()) {
    r.fail("chat_template_kwargs", "expected an object, found " + json_type_name(o.chat_template_kwargs));
  }
  std::tm day{};
  const char* end = o.template_date.empty() ? "" : strptime(o.template_date.c_str(), "%Y-%m-%d", &day);
  if (end == nullptr || *end != '\0') {
    r.fail("template_date", fmt::format("\"{}\" is no day", o.template_date), "write it as \"2025-07-26\"");
  }
  for (const char* key : {"system", "answer_prefix", "template_date", "chat_template_kwargs"}) {
    if (r.has(key) && o.prompt_template != "chat") {
      r.fail(key, "without effect: only the template \"chat\" uses it",
             "set data.template to \"chat\", or remove it");
    }
  }
}

// The columns of whole conversations, and which of their turns are learned.
void read_conversation_options(ObjectReader& r, ObjectReader& columns, DataUse use, DataOptions& o) {
  o.messages_column = columns.string("messages", "");
  o.tools_column = columns.string("tools", o.tools_column);
  const bool conversations = !o.messages_column.empty();
  if (columns.has("tools") && !conversations) {
    columns.fail("tools", "without effect: only conversations have tools", "give \"messages\" as well, or remove it");
  }
  if (!conversations) return;
  if (!o.completion_column.empty()) {
    columns.fail("messages", "a row is a conversation, or a prompt and its completion", "leave out one of them");
  }
  if (use == DataUse::kTrainRl) {
    columns.fail("messages", "only supervised stages learn conversations",
                 "name the column that holds what the policy is to answer: \"prompt\", which may be a list of messages");
  }
  if (o.source.is_object() && use == DataUse::kTrainSft) {
    columns.fail("messages", "without effect: a generator has no columns", "remove it");
  }
  if (r.string("template", "none") != "chat") {
    columns.fail("messages", "a conversation needs a chat template", "set data.template to \"chat\"");
  }
}

// make(i) for every row, on all cores. Throws what the first of the rows that fail throws.
template <typename Make>
void for_each_row(size_t count, const Make& make) {
  constexpr size_t at_once = 16;
  std::atomic<size_t> next{0};
  std::mutex mutex;
  size_t failed = count;
  std::exception_ptr failure;
  const auto work = [&] {
    for (size_t begin; (begin = next.fetch_add(at_once)) < count;) {
      for (size_t i = begin; i < std::min(begin + at_once, count); ++i) {
        try {
          make(i);
        } catch (...) {
          const std::lock_guard lock(mutex);
          if (i < failed) failure = std::current_exception();
          failed = std::min(failed, i);
          next = count;  // rows are handed out in order, so those before this one are at work
          return;
        }
      }
    }
  };
  const size_t helpers = std::min<size_t>(std::thread::hardware_concurrency(), count / at_once + 1);
  std::vector<std::thread> threads;
  for (size_t t = 1; t < helpers; ++t) threads.emplace_back(work);
  work();
  for (std::thread& thread : threads) thread.join();
  if (failure) std::rethrow_exception(failure);
}

// What a row of a file becomes, before anything is tokenised.
struct RowText {
  Problem problem;
  std::string completion;
  std::string where;
};

// All texts as ids. A text that cannot be expressed is named by its row.
std::vector<std::vector<int64_t>> encode_rows(const Tokenizer& tokenizer,
                                              const std::vector<std::string>& texts, bool add_special_tokens,
                                              const std::vector<RowText>& rows) {
  try {
    return tokenizer.encode_all(texts, add_special_tokens);
  } catch (const Error& error) {
    const size_t number =
        error.where().starts_with("text ") ? std::stoul(error.where().substr(5)) : rows.size();
    if (number >= rows.size()) throw;
    throw Error(error.summary(), rows[number].where, error.fix());
  }
}

}  // namespace

const std::string& r1_zero_template() {
  static const std::string text =
      "A conversation between User and Assistant. The user asks a question, and the Assistant solves it. The "
      "assistant "
      "first thinks about the reasoning process in the mind and then provides the user with the answer. The "
      "reasoning "
      "process and answer are enclosed within <think> </think> and <answer> </answer> tags, respectively, "
      "i.e., "
      "<think> reasoning process here </think> <answer> answer here </answer>. User: {prompt}. Assistant:";
  return text;
}

DataOptions read_data_options(const Json& data, const std::string& file, const std::string& path,
                              DataUse use) {
  ObjectReader r(data, file, path);
  DataOptions o;
  o.where = r.where();
  o.file = file;
  o.path = path;
  // Both splits are read so that a key of one is never unknown to the other.
  const Json train = r.raw("train"), eval = r.raw("eval");
  o.source = use == DataUse::kEval ? eval : train;
  const std::string key = use == DataUse::kEval ? "eval" : "train";
  if (!o.source.is_string() && !o.source.is_object()) {
    r.fail(key, fmt::format("data.{} is missing", key),
           "give a .jsonl or .json file, or {\"generator\": NAME}");
  }
  if (r.has("columns")) {
    ObjectReader columns = r.object("columns");
    o.prompt_column = columns.string("prompt", o.prompt_column);
    o.answer_column = columns.string("answer", o.answer_column);
    if (o.answer_column.empty()) o.answers = false;
    o.completion_column = columns.string("completion", "");
    read_conversation_options(r, columns, use, o);
    columns.finish();
  }
  o.last_turn_only = r.choice("turns", {"all", "last"}, "all") == "last";
  if (r.has("turns") && o.messages_column.empty()) {
    r.fail("turns", "without effect: only conversations have turns", "name their column in data.columns.messages, or remove it");
  }
  // Evaluation asks questions, which have columns of their own.
  if (use == DataUse::kEval) o.messages_column.clear();
  o.answer_extractor = r.choice("answer_extractor", answer_extractor_names(), "none");
  o.prompt_template = r.string("template", "none");
  const bool named =
      o.prompt_template == "none" || o.prompt_template == "r1_zero" || o.prompt_template == "chat";
  if (!named && o.prompt_template.find("{prompt}") == std::string::npos) {
    r.fail("template", "a template must hold {prompt}",
           "use \"chat\", \"r1_zero\", \"none\" or a text with {prompt}");
  }
  read_chat_options(r, o);
  o.max_prompt_length = r.integer("max_prompt_length", 0, {.min = 0});
  o.drop_overflow = r.choice("prompt_overflow", {"error", "drop"}, "error") == "drop";
  if (r.has("worked_fraction") && use != DataUse::kTrainSft) {
    r.fail("worked_fraction", "without effect: only supervised stages see solutions",
           "move it into the sft stage's data");
  }
  o.worked_fraction = r.number("worked_fraction", 1.0, {.min = 0.0, .max = 1.0});
  r.raw("decontaminate");  // pipelines/training_parts.h
  r.finish();
  return o;
}

struct ProblemSource::Impl {
  DataOptions options;
  const Tokenizer* tokenizer;
  std::optional<PromptTemplate> prompt_template;
  uint64_t seed;
  int64_t context;  // tokens of prompt and completion together
  int64_t limit;    // prompt tokens
  std::optional<Generator> generator;
  std::vector<Problem> problems;  // of a file
  std::vector<std::string> completions;     // one per problem of supervised rows
  std::vector<LearnedText> conversations;   // or these
  int64_t dropped = 0;
  std::optional<std::map<std::string, int64_t>> contaminated;
  mutable std::mutex mutex;  // guards the epoch's order
  mutable int64_t epoch = -1;
  mutable std::vector<int64_t> order;

  // False if the prompt is too long and such prompts are dropped.
  bool prompt_fits(const Problem& problem, const std::string& where) const {
    if (problem.prompt_ids.empty()) throw Error("the prompt is empty", where, "every problem needs a prompt");
    if (static_cast<int64_t>(problem.prompt_ids.size()) <= limit) return true;
    if (options.drop_overflow) return false;
    throw Error(
        fmt::format("the prompt has {} tokens, and {} fit beside the completion", problem.prompt_ids.size(),
                    limit),
        where,
        "set data.prompt_overflow to \"drop\", raise max_prompt_length or lower max_completion_length");
  }

  // False if they exceed the context and such samples are dropped. `what`: is so many tokens.
  bool whole_fits(size_t tokens, const char* what, const std::string& where) const {
    if (static_cast<int64_t>(tokens) <= context) return true;
    if (options.drop_overflow) return false;
    throw Error(fmt::format("{} {} tokens, the model's context is {}", what, tokens, context), where,
                "set data.prompt_overflow to \"drop\", or shorten the row");
  }

  const Json& cell(const DataRow& row, const std::string& name, const char* role) const {
    const auto it = row.columns.find(name);
    if (it == row.columns.end() || it->is_null()) {
      std::vector<std::string> names;
      for (const auto& [key, value] : row.columns.items()) names.push_back(key);
      throw Error(fmt::format("the row has no column \"{}\"; it has: {}", name, fmt::join(names, ", ")),
                  row.where, fmt::format("set data.columns.{} to the right one ({})", role, options.where));
    }
    return *it;
  }

  std::string column(const DataRow& row, const std::string& name, const char* role) const {
    const Json& value = cell(row, name, role);
    return value.is_string() ? value.get<std::string>() : value.dump();
  }

  void fill_prompt(Problem& problem, const Json& question, const std::string& where) const {
    PromptText prompt = prompt_template->apply(question, where);
    problem.prompt = std::move(prompt.text);
    problem.completion_prefix = std::move(prompt.completion_prefix);
  }

  RowText read_row(DataRow row, int64_t id) const {
    RowText out;
    out.where = row.where;
    out.problem.id = id;
    fill_prompt(out.problem, cell(row, options.prompt_column, "prompt"), row.where);
    const bool wanted = options.answers && options.completion_column.empty();
    if (wanted || row.columns.contains(options.answer_column)) {
      const std::string answer = column(row, options.answer_column, "answer");
      const auto extracted = extract_gold(options.answer_extractor, answer);
      if (!extracted) {
        throw Error(fmt::format("the extractor \"{}\" finds no answer in column \"{}\"",
                                options.answer_extractor, options.answer_column),
                    row.where, "mend the row, or choose another data.answer_extractor");
      }
      out.problem.answer = *extracted;
    }
    if (!options.completion_column.empty()) {
      out.completion = column(row, options.completion_column, "completion");
      const std::string& prefix = out.problem.completion_prefix;
      if (out.completion.starts_with(prefix)) out.completion.erase(0, prefix.size());
    }
    out.problem.columns = std::move(row.columns);
    return out;
  }

  std::vector<DataRow> read_rows(const std::string& path) {
    std::vector<DataRow> rows = read_data_file(path);
    if (!options.decontaminate) return rows;
    const bool chats = !options.messages_column.empty();
    contaminated = remove_contaminated(rows, chats ? options.messages_column : options.prompt_column, options.completion_column,
                                       *options.decontaminate);
    return rows;
  }

  void read_file(const std::string& path) {
    std::vector<RowText> rows;
    std::vector<std::string> prompts, texts;
    for (DataRow& row : read_rows(path)) {
      rows.push_back(read_row(std::move(row), static_cast<int64_t>(rows.size())));
      prompts.push_back(rows.back().problem.prompt);
      if (!options.completion_column.empty()) texts.push_back(rows.back().completion);
    }
    auto prompt_ids = encode_rows(*tokenizer, prompts, prompt_template->adds_special_tokens(), rows);
    const auto completion_ids = encode_rows(*tokenizer, texts, false, rows);
    for (size_t i = 0; i < rows.size(); ++i) {
      RowText& row = rows[i];
      row.problem.prompt_ids = std::move(prompt_ids[i]);
      const bool worked = !options.completion_column.empty();
      if (!prompt_fits(row.problem, row.where) ||
          (worked && !whole_fits(row.problem.prompt_ids.size() + completion_ids[i].size() + 1,
                                 "prompt, completion and end token are", row.where))) {
        ++dropped;
        continue;
      }
      if (worked) completions.push_back(std::move(row.completion));
      problems.push_back(std::move(row.problem));
    }
    check_some_fit(path);
  }

  void check_some_fit(const std::string& path) const {
    if (!problems.empty()) return;
    throw Error(fmt::format("all {} rows are too long: {} tokens of prompt fit", dropped, limit), path,
                "raise max_prompt_length or choose a model with a longer context");
  }

  // The sequences of a row's conversation.
  std::vector<ConversationSample> read_conversation(const ConversationTemplate& chat, const DataRow& row) const {
    const std::string where = fmt::format("{}: {}", row.where, options.messages_column);
    const Json messages = read_messages(cell(row, options.messages_column, "messages"), where);
    const auto tools = row.columns.find(options.tools_column);
    if (tools == row.columns.end()) return chat.samples(messages, {}, where);
    return chat.samples(messages, read_tools(*tools, fmt::format("{}: {}", row.where, options.tools_column)), where);
  }

  void read_conversations(const std::string& path, const std::optional<ChatTemplate>& chat_template) {
    const std::vector<DataRow> rows = read_rows(path);
    const ConversationTemplate chat(options, *tokenizer, chat_template);
    std::vector<std::vector<ConversationSample>> samples(rows.size());
    for_each_row(rows.size(), [&](size_t i) { samples[i] = read_conversation(chat, rows[i]); });
    int64_t id = 0;
    for (size_t i = 0; i < rows.size(); ++i) {
      for (ConversationSample& sample : samples[i]) {
        Problem problem;
        problem.id = id++;
        problem.prompt = std::move(sample.prompt);
        problem.prompt_ids = std::move(sample.prompt_ids);
        problem.completion_prefix = opened_answer(problem.prompt, options.answer_prefix);
        problem.columns = rows[i].columns;
        if (!prompt_fits(problem, rows[i].where) ||
            !whole_fits(sample.text.ids.size(), "the conversation is", rows[i].where)) {
          ++dropped;
          continue;
        }
        conversations.push_back(std::move(sample.text));
        problems.push_back(std::move(problem));
      }
    }
    check_some_fit(path);
  }

  std::pair<Problem, GeneratedProblem> generated(int64_t n) const {
    GeneratedProblem g = generator->generate(derive_seed({seed, kGeneratorStream}), n);
    Problem problem;
    problem.id = n;
    problem.answer = g.answer;
    problem.columns = g.columns;
    if (!problem.columns.contains("question")) problem.columns["question"] = g.question;
    fill_prompt(problem, g.question, options.where);
    problem.prompt_ids = tokenizer->encode(problem.prompt, prompt_template->adds_special_tokens());
    if (!prompt_fits(problem, options.where)) {
      throw Error("a generated prompt is too long, and generated problems cannot be dropped", options.where,
                  "raise max_prompt_length");
    }
    return {std::move(problem), std::move(g)};
  }

  // The row that the n-th draw takes: epochs of fresh permutations.
  size_t row_of(int64_t n) const {
    const int64_t count = static_cast<int64_t>(problems.size());
    const std::lock_guard lock(mutex);
    if (epoch != n / count) {
      epoch = n / count;
      order.resize(static_cast<size_t>(count));
      std::iota(order.begin(), order.end(), 0);
      Stream(derive_seed({seed, kOrderStream, static_cast<uint64_t>(epoch)})).shuffle(order);
    }
    return static_cast<size_t>(order[static_cast<size_t>(n % count)]);
  }
};

ProblemSource::ProblemSource(const DataOptions& options, const Tokenizer& tokenizer, int64_t context,
                             int64_t reserved, uint64_t seed,
                             const std::optional<ChatTemplate>& chat_template)
    : impl_(std::make_unique<Impl>()) {
  impl_->options = options;
  impl_->tokenizer = &tokenizer;
  impl_->prompt_template.emplace(options, chat_template);
  impl_->seed = seed;
  impl_->context = context;
  impl_->limit = context - reserved;
  if (impl_->limit < 1) {
    throw Error(fmt::format("max_completion_length {} leaves no room for a prompt in a context of {}",
                            reserved, context),
                options.where, "lower max_completion_length");
  }
  if (options.max_prompt_length > 0) impl_->limit = std::min(impl_->limit, options.max_prompt_length);
  if (options.source.is_string()) {
    const auto path = options.source.get<std::string>();
    if (!options.messages_column.empty()) impl_->read_conversations(path, chat_template);
    else impl_->read_file(path);
  } else {
    Json generator = options.source;
    if (!generator.contains("generator") || !generator["generator"].is_string()) {
      throw Error("a generated data set needs \"generator\": NAME", options.where,
                  fmt::format("known generators: {}", fmt::join(generator_names(), ", ")));
    }
    const std::string name = generator["generator"];
    generator.erase("generator");
    impl_->generator = make_generator(name, generator, options.file, options.path);
  }
}

ProblemSource::~ProblemSource() = default;
ProblemSource::ProblemSource(ProblemSource&&) noexcept = default;

int64_t ProblemSource::size() const {
  return impl_->generator ? 0 : static_cast<int64_t>(impl_->problems.size());
}

int64_t ProblemSource::dropped() const {
  return impl_->dropped;
}

const std::optional<std::map<std::string, int64_t>>& ProblemSource::contaminated() const {
  return impl_->contaminated;
}

Problem ProblemSource::draw(int64_t n) const {
  if (impl_->generator) return impl_->generated(n).first;
  return impl_->problems[impl_->row_of(n)];
}

SftSample ProblemSource::draw_sft(int64_t n) const {
  if (impl_->generator) {
    auto [problem, generated] = impl_->generated(n);
    const uint64_t stream = derive_seed({impl_->seed, kWorkedStream});
    const bool worked = uniform_at(stream, static_cast<uint64_t>(n)) < impl_->options.worked_fraction;
    std::string completion = worked ? generated.worked_solution : generated.direct_solution;
    if (completion.starts_with(problem.completion_prefix))
      completion.erase(0, problem.completion_prefix.size());
    return {std::move(problem), std::move(completion), std::nullopt};
  }
  const size_t row = impl_->row_of(n);
  if (!impl_->conversations.empty()) return {impl_->problems[row], "", impl_->conversations[row]};
  if (impl_->completions.empty()) {
    throw Error("supervised data needs a completion column", impl_->options.where,
                "set data.columns.completion to the column with the text to learn, or data.columns.messages to that of "
                "whole conversations");
  }
  return {impl_->problems[row], impl_->completions[row], std::nullopt};
}

std::vector<Problem> ProblemSource::head(int64_t count) const {
  std::vector<Problem> out;
  if (impl_->generator) {
    for (int64_t i = 0; i < count; ++i) out.push_back(impl_->generated(i).first);
    return out;
  }
  const int64_t available = size();
  const int64_t taken = count == 0 ? available : std::min(count, available);
  return {impl_->problems.begin(), impl_->problems.begin() + taken};
}

}  // namespace grpo
