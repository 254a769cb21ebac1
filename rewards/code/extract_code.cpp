#include "rewards/code/extract_code.h"

#include <algorithm>

#include "rewards/answer_text.h"
#include "rewards/code/code_blocks.h"
#include "rewards/tags.h"
#include "sandbox/languages/language.h"

namespace grpo {
namespace {

// Blocks that might be the program: each with the language it is in.
struct Candidates {
  std::vector<std::pair<const CodeBlock*, std::string>> tagged;
  std::vector<const CodeBlock*> untagged;
  size_t num_blocks = 0;  // that stand in no other and are not blank
};

bool is_one_of(const std::vector<std::string>& languages, const std::string& name) {
  return std::find(languages.begin(), languages.end(), name) != languages.end();
}

Candidates find_candidates(const std::vector<CodeBlock>& blocks, const std::vector<std::string>& languages) {
  Candidates found;
  std::vector<bool> taken(blocks.size());  // the block, or one it stands in, is a candidate
  for (size_t i = 0; i < blocks.size(); ++i) {
    const CodeBlock& block = blocks[i];
    if (block.parent >= 0 && taken[static_cast<size_t>(block.parent)]) {
      taken[i] = true;
      continue;
    }
    if (is_blank(block.content)) continue;
    if (block.has_blocks && !block.closed) continue;  // it was given up for the next one
    if (block.parent < 0 || !blocks[static_cast<size_t>(block.parent)].closed) ++found.num_blocks;
    if (block.tag.empty()) {
      found.untagged.push_back(&block);
      continue;
    }
    const ProgrammingLanguage* language = find_language(std::string(block.tag));
    if (language == nullptr || !is_one_of(languages, language->name)) continue;
    taken[i] = true;
    found.tagged.emplace_back(&block, language->name);
  }
  return found;
}

Extraction nothing(std::string reason) {
  return {.submission = std::nullopt, .reason = std::move(reason)};
}

Extraction program(std::string language, std::string source) {
  if (source.size() > kSourceBytesMax) return nothing("the program is too long");
  return {.submission = Submission{.language = std::move(language), .source = std::move(source)},
          .reason = {}};
}

}  // namespace

std::string_view answer_region(std::string_view completion) {
  const size_t thought = completion.rfind(kThinkClose);
  if (thought != std::string_view::npos) completion.remove_prefix(thought + kThinkClose.size());
  completion = completion.substr(0, completion.find(kThinkOpen));
  // Up to the last end of an answer there is, the last beginning; without an end, the last beginning of all.
  const size_t last_close = completion.rfind(kAnswerClose);
  const size_t open = completion.substr(0, last_close).rfind(kAnswerOpen);
  if (open == std::string_view::npos) return completion;
  const std::string_view rest = completion.substr(open + kAnswerOpen.size());
  return rest.substr(0, rest.find(kAnswerClose));
}

Extraction extract_code(std::string_view completion, const std::vector<std::string>& languages,
                        const ExtractOptions& options) {
  const std::string_view text = options.search_thinking ? completion : answer_region(completion);
  const std::vector<CodeBlock> blocks = find_code_blocks(text);
  if (blocks.empty() && options.whole && languages.size() == 1 && !is_blank(text)) {
    return program(languages.front(), std::string(text));
  }
  Candidates candidates = find_candidates(blocks, languages);
  if (candidates.tagged.empty() && languages.size() == 1) {
    for (const CodeBlock* block : candidates.untagged)
      candidates.tagged.emplace_back(block, languages.front());
  }
  if (options.choice == BlockChoice::kOnly && candidates.num_blocks > 1)
    return nothing("more than one code block");
  if (candidates.tagged.empty()) {
    return nothing(candidates.num_blocks == 0 ? "no code block" : "no code block of the right language");
  }
  const auto& [block, language] =
      options.choice == BlockChoice::kFirst ? candidates.tagged.front() : candidates.tagged.back();
  return program(language, source_of(*block));
}

}  // namespace grpo
