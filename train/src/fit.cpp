#include "gradus/train/fit.h"

#include "checks.h"
#include "guards.h"
#include "measure.h"
#include "run.h"
#include "snapshot.h"

#include "gradus/nn/save.h"

#include <memory>
#include <string>
#include <utility>

namespace gradus::train {

RunData run_data(data::SourceSplits rows, const data::Splits* tensors, CallSite site) {
  RunData data{.rows = std::move(rows), .tensors = tensors};
  if (data.rows.train.size <= 0)
    gradus::detail::fail<ArgumentError>("fit", "expected rows to train on, got none", site);
  data.first = *data::Loader(data.rows.train, {.batch = 1, .seed = 0}, site).begin();
  return data;
}

namespace {

Record run(const detail::AnyModel& model, const RunData& data, const FitOptions& options, CallSite site) {
  check_run(model.module, data, options, site);
  RunState state{.seed = options.seed, .site = site};
  state.record.seed = options.seed ? *options.seed : default_generator().next() >> 32;
  state.record.parameters = nn::detail::parameter_count(model.module);
  const Loss loss = loss_for(options.loss, data.first.targets, "fit", site);
  std::unique_ptr<optim::Optimizer> own;
  if (options.optimizer.get() == nullptr) own = std::make_unique<optim::Adam>(nn::detail::parameters(model.module));
  optim::Optimizer& optimizer = own ? *own : *options.optimizer.get();
  const double lr = optimizer.lr();
  RunFolder folder(options.out, options.runs);
  const std::string config = config_json(options, data.rows, state.record, lr);
  folder.show("config.json", config);
  const auto write_texts = [&] {
    folder.write("config.json", config);
    folder.write("metrics.jsonl", metrics_jsonl(state.record));
    folder.write("summary.json", summary_json(state.record, state.divergence));
  };
  Snapshot before(model.module);
  const nn::detail::KeptModes modes(model.module);
  const auto rates = keep_rates(optimizer);
  try {
    train({model, data, options, site, loss, optimizer, lr, folder, state});
    if (folder.exists()) {
      state.record.folder = folder.path();
      write_texts();
      nn::detail::save(model.module, folder.file("weights.safetensors"));
      folder.publish();
    }
  } catch (...) {
    before.restore();
    optimizer.zero_grad();
    if (state.divergence.epoch != 0 && folder.exists()) {
      state.record.seconds = state.seconds();
      try {
        write_texts();
        folder.publish();
      } catch (const Error&) {  // the loss is what matters
      }
    }
    throw;
  }
  optimizer.zero_grad();
  return std::move(state.record);
}

}  // namespace

Record detail::fit(const AnyModel& model, const data::Splits& data, const FitOptions& options, CallSite site) {
  check_parts(data, options, site);
  data::SourceSplits rows{
      data::as_source(data.train, site), data::as_source(data.validation, site), data::as_source(data.test, site)};
  return run(model, run_data(std::move(rows), &data, site), options, site);
}

Record detail::fit(const AnyModel& model, const data::SourceSplits& data, const FitOptions& options, CallSite site) {
  return run(model, run_data(data, nullptr, site), options, site);
}

}  // namespace gradus::train
