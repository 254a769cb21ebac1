#pragma once
// Metrics as TensorBoard reads them: a folder of event files, events.out.tfevents.*, each a list of records
// (TFRecord framing, masked CRC-32C) that hold one Event message each. Only scalars. `tensorboard --logdir` on the
// folder, or on one above it, shows them while the run goes on.
//
// Event files are never rewritten. A run that resumes opens another file, which begins by saying from which step on it
// counts; TensorBoard then forgets what older files say of those steps.

#include <cstdint>
#include <string>

#include "core/json.h"

namespace grpo {

class TensorBoardWriter {
 public:
  // Makes the folder, if it is missing, and a new file in it, whose name sorts behind those that are there. What the
  // folder's files say of steps above last_step is superseded; -1: of all steps. Throws Error if the disk refuses.
  TensorBoardWriter(const std::string& directory, int64_t last_step);
  ~TensorBoardWriter();
  TensorBoardWriter(const TensorBoardWriter&) = delete;
  TensorBoardWriter& operator=(const TensorBoardWriter&) = delete;

  // One record with every number of `metrics`, an object, under its key, rounded to float32; true and false are 1 and
  // 0. Numbers that are not finite are written as such; what is no number is left out, and a record without any is
  // none. One write to the system, so that a killed process leaves whole records and at most one cut tail, which
  // TensorBoard skips. Throws Error on a full disk; the file then ends with the record before.
  void write(int64_t step, const Json& metrics);

  // Returns when all records are on the disk.
  void sync();

  const std::string& path() const { return path_; }

 private:
  void append(const std::string& event);

  int file_ = -1;
  std::string path_;
};

}  // namespace grpo
