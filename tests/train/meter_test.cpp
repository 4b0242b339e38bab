#include "gradus/data/generated.h"
#include "gradus/nn/layers.h"
#include "gradus/train/fit.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <string>

namespace gradus::train {
namespace {

/// What a run of three epochs prints.
std::string printed(Progress progress) {
  Generator generator(5);
  const data::Splits data{.train = data::spiral({.points = 40}, generator)};
  nn::Linear net(2, 3);
  testing::internal::CaptureStdout();
  fit(net, data, {.epochs = 3, .progress = progress});
  return testing::internal::GetCapturedStdout();
}

TEST(Meter, LinesElsewhereThanOnATerminal) {
  for (const Progress progress : {Progress::automatic, Progress::lines}) {
    const std::string text = printed(progress);
    EXPECT_EQ(std::count(text.begin(), text.end(), '\n'), 3) << text;
    EXPECT_EQ(text.find('\r'), std::string::npos);
    EXPECT_EQ(text.find('\x1b'), std::string::npos);
    EXPECT_EQ(text.rfind("epoch 1/3  train loss ", 0), 0u) << text;
    EXPECT_NE(text.find("\nepoch 3/3  train loss "), std::string::npos) << text;
    EXPECT_NE(text.find(" acc 0."), std::string::npos) << text;
  }
}

TEST(Meter, ABarThatBecomesALine) {
  const std::string text = printed(Progress::bar);
  EXPECT_EQ(std::count(text.begin(), text.end(), '\n'), 3) << text;
  EXPECT_NE(text.find("] 1/2  loss "), std::string::npos) << text;
  EXPECT_NE(text.find("  ETA 0:0"), std::string::npos) << text;
  EXPECT_NE(text.find("\r\x1b[Kepoch 3/3  train loss "), std::string::npos) << text;
}

TEST(Meter, Silence) { EXPECT_EQ(printed(Progress::none), ""); }

}  // namespace
}  // namespace gradus::train
