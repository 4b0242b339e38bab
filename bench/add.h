// One line a workload, in either program.
#pragma once

#include <benchmark/benchmark.h>

#include <functional>
#include <string>

namespace bench {

/// Times the step that `make` sets up.
inline void add(const std::string& name, const std::function<std::function<void()>()>& make) {
  benchmark::RegisterBenchmark(name.c_str(), [make](benchmark::State& state) {
    const std::function<void()> step = make();
    for (auto _ : state) step();
  })->Unit(benchmark::kMicrosecond);
}

}  // namespace bench
