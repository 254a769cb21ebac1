#include "pipelines/reply_journal.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <filesystem>
#include <fstream>
#include <functional>

#include "core/disk_error.h"
#include "core/error.h"
#include "core/file.h"

namespace grpo {
namespace {

// Calls use(line) for every whole line and returns the bytes that they take.
int64_t each_line(const std::string& path, const std::function<void(const Json&)>& use) {
  std::ifstream file(path, std::ios::binary);
  int64_t bytes = 0, number = 0;
  for (std::string text; std::getline(file, text);) {
    ++number;
    if (file.eof()) break;  // no newline: cut by a crash
    const std::string where = fmt::format("{}: line {}", path, number);
    try {
      use(parse_json(text, where));
    } catch (const Json::exception& e) {
      throw Error(fmt::format("the line is no reply of an endpoint: {}", e.what()), where, "remove it; its sample is asked for again");
    }
    bytes += static_cast<int64_t>(text.size()) + 1;
  }
  return bytes;
}

void count(const Json& line, EndpointUsage& usage) {
  ++usage.calls;
  usage.retries += line.at("tries").get<int64_t>() - 1;
  if (line.contains("failed")) {
    ++usage.failures;
  } else if (line.contains("usage")) {
    usage.prompt_tokens += line["usage"].at("prompt_tokens").get<int64_t>();
    usage.completion_tokens += line["usage"].at("completion_tokens").get<int64_t>();
  } else {
    ++usage.replies_without_usage;
  }
}

Json line_of(int64_t draw, int64_t sample, const std::string& request) {
  return {{"draw", draw}, {"sample", sample}, {"request", request}};
}

}  // namespace

ReplyJournal::ReplyJournal(std::string path, int64_t first_draw) : path_(std::move(path)), first_draw_(first_draw) {
  const int64_t whole = each_line(path_, [&](const Json& line) { read(line); });
  const bool created = !std::filesystem::exists(path_);
  file_ = open(path_.c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0644);
  if (file_ < 0) throw disk_error("open the file", path_, errno);
  if (ftruncate(file_, whole) != 0) {
    const int code = errno;
    close(file_);
    throw disk_error("drop a line that a crash has cut", path_, code);
  }
  if (created) {
    const std::string folder = std::filesystem::path(path_).parent_path().string();
    sync_to_disk(folder.empty() ? "." : folder);
  }
}

ReplyJournal::~ReplyJournal() { close(file_); }

void ReplyJournal::read(const Json& line) {
  count(line, usage_);
  const auto draw = line.at("draw").get<int64_t>();
  const std::pair<int64_t, int64_t> place = {draw, line.at("sample").get<int64_t>()};
  if (!line.contains("reply") || draw < first_draw_) return;
  const Json& reply = line["reply"];
  replies_.emplace(place, Accepted{.request = line.at("request").get<std::string>(),
                                   .choice = {.text = reply.at("text").get<std::string>(),
                                              .reasoning = reply.at("reasoning").get<std::string>(),
                                              .finish_reason = reply.at("finish_reason").get<std::string>()},
                                   .completion_tokens = line.contains("usage") ? line["usage"]["completion_tokens"].get<int64_t>() : 0});
}

const ChatChoice* ReplyJournal::find(int64_t draw, int64_t sample, const std::string& request) const {
  const auto found = replies_.find({draw, sample});
  if (found == replies_.end()) return nullptr;
  if (found->second.request != request) {
    throw Error(fmt::format("the reply to sample {} of problem {} was given to another request", sample, draw), path_,
                "the data has changed since; put it back, or begin anew with another --out");
  }
  return &found->second.choice;
}

int64_t ReplyJournal::completion_tokens(int64_t draw) const {
  int64_t tokens = 0;
  for (auto at = replies_.lower_bound({draw, 0}); at != replies_.end() && at->first.first == draw; ++at) {
    tokens += at->second.completion_tokens;
  }
  return tokens;
}

void ReplyJournal::forget_before(int64_t draw) {
  first_draw_ = std::max(first_draw_, draw);
  replies_.erase(replies_.begin(), replies_.lower_bound({first_draw_, 0}));
}

void ReplyJournal::accept(int64_t draw, int64_t sample, const std::string& request, const ChatReply& reply) {
  const ChatChoice& choice = reply.choices.at(0);
  Json line = line_of(draw, sample, request);
  line["reply"] = {{"text", choice.text}, {"reasoning", choice.reasoning}, {"finish_reason", choice.finish_reason}};
  line["tries"] = reply.tries;
  if (reply.has_usage) line["usage"] = {{"prompt_tokens", reply.prompt_tokens}, {"completion_tokens", reply.completion_tokens}};
  append(line);
}

void ReplyJournal::note_failure(int64_t draw, int64_t sample, const std::string& request, const EndpointFailure& failure) {
  Json line = line_of(draw, sample, request);
  line["failed"] = failure.what;
  line["tries"] = failure.tries;
  append(line);
}

void ReplyJournal::append(const Json& line) {
  const std::string text = line.dump(-1, ' ', false, Json::error_handler_t::replace) + "\n";
  const off_t before = lseek(file_, 0, SEEK_END);
  for (size_t written = 0; written < text.size();) {
    const ssize_t n = ::write(file_, text.data() + written, text.size() - written);
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) {
      const int code = errno;
      if (ftruncate(file_, before) != 0) throw disk_error("write, nor take back half a line", path_, errno);
      throw disk_error("write the file", path_, code);
    }
    written += static_cast<size_t>(n);
  }
  if (fdatasync(file_) != 0) throw disk_error("sync the file to the disk", path_, errno);
  read(line);
}

EndpointUsage journal_usage(const std::string& path) {
  EndpointUsage usage;
  each_line(path, [&](const Json& line) { count(line, usage); });
  return usage;
}

std::string request_hash(const Json& body) {
  uint64_t hash = 0xcbf29ce484222325;  // FNV-1a
  for (const char c : body.dump(-1, ' ', false, Json::error_handler_t::replace)) {
    hash = (hash ^ static_cast<unsigned char>(c)) * 0x100000001b3;
  }
  return fmt::format("{:016x}", hash);
}

}  // namespace grpo
