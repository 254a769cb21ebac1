#include "pipelines/sampled_steps.h"

#include <fmt/format.h>

#include <filesystem>

#include "core/atomic_directory.h"
#include "core/file.h"
#include "core/make_folders.h"
#include "core/metrics_writer.h"
#include "core/tensorboard_events.h"

namespace grpo {
namespace {

namespace fs = std::filesystem;

std::string folder_of(const std::string& directory) { return directory + "/sampled"; }

std::string step_file(const std::string& directory, int64_t step) {
  return fmt::format("{}/{:06}.jsonl", folder_of(directory), step + 1);
}

// The step's line of metrics, written before its file: a run that is killed between file and line has it still.
std::string line_file(const std::string& directory, int64_t step) {
  return fmt::format("{}/{:06}.metrics.json", folder_of(directory), step + 1);
}

}  // namespace

int64_t begin_sampled_steps(const std::string& directory) {
  make_folders(folder_of(directory));
  remove_unfinished(folder_of(directory));
  return static_cast<int64_t>(sampled_files(directory).size());
}

void run_sampled_steps(const StageContext& context, int64_t done, int64_t steps,
                       const std::function<SampledStep(int64_t step)>& take) {
  const std::string& name = context.plan.spec.name;
  // The last line may be missing, so it is written anew.
  const int64_t last_line = context.step_offset + done;
  MetricsWriter metrics(context.metrics_path, last_line - 1);
  TensorBoardWriter tensorboard(context.tensorboard, last_line - 1);
  const auto write_line = [&](int64_t step, const Json& line) {
    metrics.write(context.step_offset + step + 1, line);
    tensorboard.write(context.step_offset + step + 1, line);
  };
  if (done > 0) write_line(done - 1, read_json_file(line_file(context.directory, done - 1)));
  Progress progress(name, steps, done);
  if (done > 0) progress.message(fmt::format("{}: {} of {} steps are sampled already", name, done, steps));
  for (int64_t step = done; step < steps; ++step) {
    SampledStep taken = take(step);
    Json line = {{"stage", name}, {"stage_step", step + 1}};
    line.update(taken.metrics);
    const Json named = named_metrics(line, context.plan.metric_names);
    write_file_atomically(line_file(context.directory, step), named.dump() + "\n");
    write_file_atomically(step_file(context.directory, step), taken.lines);
    write_line(step, named);
    progress.update(step + 1, taken.shown);
  }
  metrics.sync();
  tensorboard.sync();
  progress.finish();
}

std::vector<std::string> sampled_files(const std::string& directory) {
  std::vector<std::string> files;
  for (int64_t step = 0; fs::exists(step_file(directory, step)); ++step) files.push_back(step_file(directory, step));
  return files;
}

void remove_sampled(const std::string& directory) { fs::remove_all(folder_of(directory)); }

}  // namespace grpo
