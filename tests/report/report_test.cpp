#include "gradus/report/report.h"

#include "events.h"

#include "gradus/data/generated.h"
#include "gradus/nn/layers.h"
#include "gradus/report/svg.h"
#include "gradus/train/fit.h"

#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include <arpa/inet.h>
#include <cmath>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <string>
#include <sys/socket.h>
#include <thread>
#include <unistd.h>

namespace gradus::report {
namespace {

namespace fs = std::filesystem;
using Json = nlohmann::json;

std::string content(const fs::path& path) {
  std::ifstream in(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(in), {}};
}

class Report : public testing::Test {
 protected:
  void SetUp() override {
    std::string name = (fs::temp_directory_path() / "gradus-report-XXXXXX").string();
    ASSERT_NE(mkdtemp(name.data()), nullptr);
    root_ = name;
  }
  void TearDown() override { fs::remove_all(root_); }

  std::string write(const std::string& path, const std::string& text) const {
    const fs::path file = root_ / path;
    fs::create_directories(file.parent_path());
    std::ofstream(file, std::ios::binary) << text;
    return file.parent_path().string();
  }
  static Json json(const std::string& path) { return Json::parse(to_json({.paths = {path}})); }
  /// What is said of a path that can't be shown.
  static std::string refusal(const std::string& path) {
    try {
      to_html({.paths = {path}});
    } catch (const IoError& error) {
      return error.what();
    }
    return "no error";
  }

  fs::path root_;
};

#define EXPECT_HAS(text, part) EXPECT_NE((text).find(part), std::string::npos) << (text).substr(0, 2000)

// ---- what is read --------------------------------------------------------------------------------

TEST_F(Report, CurvesByEpochAndStep) {
  write("run/metrics.jsonl",
        "{\"epoch\":1,\"train_loss\":2.5,\"train_accuracy\":0.25}\n{\"epoch\":2,\"train_loss\":1.5}\n");
  const std::string run = write("run/steps.jsonl",
                                "{\"epoch\":1,\"step\":1,\"loss\":3,\"lr\":0.1,\"parameters\":{}}\n"
                                "{\"epoch\":1,\"step\":5,\"loss\":null,\"lr\":0.1,\"noise_scale\":70.5,\"parameters\":"
                                "{\"w\":{\"weight\":2,\"gradient\":4,\"update\":0.5}}}\n"
                                "{\"epoch\":2,\"step\":");  // torn: a run that goes on
  const Json of = json(run)["runs"][0];
  EXPECT_EQ(of["name"], "run");
  EXPECT_EQ(of["summary"]["status"], "running");
  EXPECT_EQ(of["epochs"]["train_loss"], Json({2.5, 1.5}));
  EXPECT_EQ(of["epochs"]["train_accuracy"], Json({0.25, nullptr}));
  EXPECT_EQ(of["steps"]["step"], Json({1, 5}));
  EXPECT_EQ(of["steps"]["loss"], Json({3, nullptr}));
  EXPECT_EQ(of["steps"]["noise_scale"], Json({nullptr, 70.5}));
  EXPECT_EQ(of["steps"]["parameters"]["w"]["gradient"], Json({nullptr, 4}));  // in line with the steps
}

std::string with_histogram(int step, const std::string& histogram) {
  return "{\"step\":" + std::to_string(step) +
         ",\"activations\":[{\"layer\":\"2\",\"op\":\"relu\",\"mean\":1,\"histogram\":" + histogram + "}]}\n";
}

TEST_F(Report, HistogramsByStep) {
  const std::string first = "{\"low\":-1,\"high\":3.5,\"counts\":[4,0,2]}",
                    second = "{\"low\":0,\"high\":0,\"counts\":[6,0,0]}";
  std::string lines = with_histogram(1, first);
  for (int i = 2; i <= 4001; ++i)  // few have one, and those are not thinned
    lines += i == 2222 ? with_histogram(i, second) : "{\"step\":" + std::to_string(i) + "}\n";
  const std::string run = write("run/steps.jsonl", lines);
  const Json steps = json(run)["runs"][0]["steps"];
  EXPECT_LE(steps["step"].size(), 1502u);
  const Json wanted = Json::parse("[{\"step\":1," + first.substr(1) + ",{\"step\":2222," + second.substr(1) + "]");
  EXPECT_EQ(steps["histograms"], (Json{{"2 relu", wanted}}));
  EXPECT_HAS(to_html({.paths = {run}}), "\"histograms\":{\"2 relu\":[{\"step\":1,\"low\":-1,");
  const std::string events = content(write_events({.paths = {run}}, (root_ / "events").string()).at(0));
  EXPECT_HAS(events, tf_record(histogram_event(0, 1, "activation/2 relu", {-1, 3.5, {4, 0, 2}})));
  EXPECT_HAS(events, tf_record(histogram_event(0, 2222, "activation/2 relu", {0, 0, {6, 0, 0}})));
}

TEST_F(Report, RunThatGoesOnIsReadWhereItIsWritten) {
  write("run/.unfinished-x/findings.jsonl",
        "{\"severity\":\"note\",\"rule\":\"r\",\"layer\":\"1\",\"text\":\"t\",\"step\":3}\n");
  const Json of = json((root_ / "run").string())["runs"][0];
  EXPECT_EQ(of["findings"][0]["rule"], "r");
  EXPECT_EQ(of["summary"]["status"], "running");
  write("run/.unfinished-x/config.json", "{\"model\":\"fc 2\",\"input_shape\":[3],\"preprocess\":\"none\"}");
  const Json more = json((root_ / "run").string())["runs"][0];
  EXPECT_EQ(more["config"]["model"], "fc 2");
  EXPECT_TRUE(more.contains("graph"));
  EXPECT_FALSE(more.contains("weights"));  // there are none yet
}

TEST_F(Report, LongCurvesAreThinnedAndKeepTheirLastPoint) {
  std::string lines;
  for (int i = 1; i <= 4001; ++i) lines += "{\"epoch\":1,\"step\":" + std::to_string(i) + ",\"loss\":1,\"lr\":1}\n";
  const Json steps = json(write("run/steps.jsonl", lines))["runs"][0]["steps"]["step"];
  EXPECT_LE(steps.size(), 1501u);
  EXPECT_EQ(steps.front(), 1);
  EXPECT_EQ(steps.back(), 4001);
}

TEST_F(Report, BadInputIsNamedWithFileAndLine) {
  EXPECT_HAS(refusal((root_ / "none").string()), "none' (");
  fs::create_directory(root_ / "empty");
  EXPECT_HAS(refusal((root_ / "empty").string()), "empty' (no file of a run in it)");
  EXPECT_HAS(refusal(write("a/metrics.jsonl", "{\"epoch\":1}\nnonsense\n")),
             "metrics.jsonl:2: expected an object of JSON");
  EXPECT_HAS(refusal(write("b/metrics.jsonl", "{\"epoch\":\"x\"}\n")),
             "metrics.jsonl:1: expected 'epoch' to be a whole number");
  EXPECT_HAS(refusal(write("c/config.json", "[]")), "config.json', got other text");
  // What another program has put there is shown as it is.
  for (const char* config : {"{\"model\":{\"layers\":3},\"input_shape\":[4]}",
                             "{\"model\":\"fc 2\",\"input_shape\":[\"a\"]}",
                             "{\"model\":\"fc 2\",\"input_shape\":[-4]}",
                             "{\"model\":\"my own\",\"input_shape\":[4]}"})
    EXPECT_EQ(json(write("k/config.json", config))["runs"][0]["config"], Json::parse(config));
  EXPECT_HAS(refusal(write("d/findings.jsonl", "{\"rule\":1}\n")), "findings.jsonl:1: expected a finding");
  EXPECT_HAS(refusal(write("e/steps.jsonl", "{\"step\":1,\"activations\":[1]}\n")), "steps.jsonl:1: expected 'layer'");
  EXPECT_HAS(refusal(write("f/steps.jsonl", "{\"step\":1,\"parameters\":{\"w\":3}}\n")),
             "steps.jsonl:1: expected an object");
  for (const char* bad : {"[]",
                          "{\"low\":0,\"high\":1,\"counts\":[-1]}",
                          "{\"low\":0,\"high\":1,\"counts\":[]}",
                          "{\"counts\":[1]}",
                          "{\"low\":1,\"high\":0,\"counts\":[1]}"})
    EXPECT_HAS(refusal(write("j/steps.jsonl", with_histogram(1, bad))), "steps.jsonl:1: expected a histogram with");
  EXPECT_HAS(refusal(write("g/x.txt", "hello\n") + "/x.txt"), "x.txt:1: expected an object of JSON");
  EXPECT_HAS(refusal(write("h/x.txt", "{}\n") + "/x.txt"), "another file");
  EXPECT_HAS(refusal(write("i/s", "{\"gradus_search\":1}\n{\"trial\":0}\n") + "/s"),
             "s:2: expected a trial with 'status'");
  EXPECT_THROW(to_json({}), ArgumentError);
}

TEST_F(Report, ImportancesOfASearch) {
  std::string lines = "{\"gradus_search\":1,\"goal\":\"minimize\"}\n";
  for (int i = 0; i < 40; ++i) {
    const int noise = i * 7 % 40;  // in no order
    lines += "{\"trial\":" + std::to_string(i) + ",\"values\":{\"lr\":" + std::to_string(i + 0.5) +
             ",\"batch\":" + std::to_string(noise) + ",\"optimizer\":\"" + (noise % 2 != 0 ? "sgd" : "adam") +
             "\"},\"status\":\"finished\",\"value\":" + std::to_string(i) + ",\"budget\":1,\"seconds\":1}\n";
  }
  const Json search = json(write("x/search.jsonl", lines) + "/search.jsonl")["searches"][0];
  for (const Json& one : search["importances"]) {
    if (one["name"] == "lr")
      EXPECT_GT(one["share"], 0.8);
    else
      EXPECT_LT(one["share"], 0.3);
  }
  EXPECT_EQ(search["parameters"].size(), 3u);
}

/// A run of fit whose rows can be had: its confusion matrix counts every row, and the worst ones have the largest loss.
TEST_F(Report, ModelWeightsAndRows) {
  Generator generator(1);
  const data::Splits data = data::split(data::drawn_digits({.count = 300}, generator), {.test = 0.2}, generator);
  nn::Sequential net = nn::model_from_text("conv 4 3, relu, fc 10", {1, 16, 16}, generator);
  train::FitOptions options{.epochs = 1, .out = (root_ / "run").string(), .progress = train::Progress::none};
  options.notes["model"] = "conv 4 3, relu, fc 10";
  options.notes["input_shape"] = std::vector<std::int64_t>{1, 16, 16};
  options.notes["standardize_mean"] = std::vector<double>{0};
  options.notes["standardize_std"] = std::vector<double>{1};
  options.notes["standardize_per"] = "channel";
  train::fit(net, data, options);
  const Json all =
      Json::parse(to_json({.paths = {options.out}, .rows = [&](const std::string&) { return data.test; }}));
  const Json& run = all["runs"][0];
  EXPECT_EQ(run["weights"]["pixels"].size(), 4u);
  EXPECT_EQ(run["weights"]["pixels"][0].get<std::string>().size(), 18u);  // 3 × 3, two digits each
  std::int64_t rows = 0, right = 0;
  for (std::size_t i = 0; i < 10; ++i)
    for (std::size_t j = 0; j < 10; ++j) {
      const auto count = run["rows"]["confusion"][i][j].get<std::int64_t>();
      rows += count;
      if (i == j) right += count;
    }
  EXPECT_EQ(rows, data.test.size());
  // Rows that are not the run's are left out: of another number, or of classes that the model does not have.
  data::Dataset other = data.test;
  other.targets = other.targets + 1;
  for (const data::Dataset& wrong : {data.train, other})
    EXPECT_FALSE(
        Json::parse(to_json({.paths = {options.out}, .rows = [&](const std::string&) { return wrong; }}))["runs"][0]
            .contains("rows"));
  const double accuracy = run["summary"]["test_accuracy"];
  EXPECT_NEAR(static_cast<double>(right) / static_cast<double>(rows), accuracy, 1e-9);
  const Json& worst = run["rows"]["worst"];
  for (std::size_t i = 1; i < worst.size(); ++i) EXPECT_GE(worst[i - 1]["loss"], worst[i]["loss"]);
  bool conv = false;
  for (const Json& node : run["graph"]["nodes"]) conv = conv || node["op"] == "conv";
  EXPECT_TRUE(conv);
  EXPECT_FALSE(run["profile"]["ops"].empty());
}

// ---- the page ------------------------------------------------------------------------------------

TEST_F(Report, NamesCanNotEndTheScript) {
  write("</script><b>/config.json", "{\"gradus_run\":1,\"note\":\"</script><!-- {{page.js}} \\u2028\"}");
  const std::string run = (root_ / "<").string() + "/script><b>";
  const std::string page = to_html({.paths = {run}});
  const std::size_t begin = page.find("id=\"data\">");
  ASSERT_NE(begin, std::string::npos);
  const std::size_t start = begin + 10, end = page.find("</script>", start);
  const Json data = Json::parse(page.substr(start, end - start));
  EXPECT_EQ(data["runs"][0]["config"]["note"], "</script><!-- {{page.js}} \u2028");
  EXPECT_EQ(data["runs"][0]["name"], "script><b>");
}

TEST_F(Report, PageNeedsNothingElse) {
  const std::string page = to_html({.paths = {write("run/config.json", "{}")}});
  EXPECT_GT(page.size(), 150'000u);  // Chart.js is in it
  EXPECT_HAS(page, "Chart.js v3");
  for (const char* other : {" src=", "href=\"http", "@import", "url(", "{{page", "{{chart"})
    EXPECT_EQ(page.find(other), std::string::npos) << other;
}

/// What a server on this machine answers to a request for `target` under the name `host`.
std::string ask(int port, const std::string& target, const std::string& host) {
  const int socket = ::socket(AF_INET, SOCK_STREAM, 0);
  sockaddr_in to{};
  to.sin_family = AF_INET;
  to.sin_port = htons(static_cast<std::uint16_t>(port));
  to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  if (::connect(socket, reinterpret_cast<const sockaddr*>(&to), sizeof to) != 0) return "no connection";
  const std::string request = "GET " + target + " HTTP/1.1\r\nHost: " + host + "\r\n\r\n";
  if (::write(socket, request.data(), request.size()) < 0) return "no request";
  std::string answer;
  char part[4096];
  for (ssize_t n = 0; (n = ::read(socket, part, sizeof part)) > 0;) answer.append(part, static_cast<std::size_t>(n));
  ::close(socket);
  return answer;
}

TEST_F(Report, ServesWhatTheFolderHoldsNow) {
  const std::string run = write("run/metrics.jsonl", "{\"epoch\":1,\"train_loss\":2.25}\n");
  std::thread reader;
  int asked = 0;
  serve({.paths = {run}}, 0, [&](int port) {
    if (port > 0)
      reader = std::thread([this, port] {
        const std::string host = "127.0.0.1:" + std::to_string(port), page = ask(port, "/", host);
        EXPECT_HAS(page, "200 OK");
        EXPECT_HAS(page, "data-live=\"yes\"");
        EXPECT_HAS(ask(port, "/data.json", host), "2.25");
        write("run/metrics.jsonl", "{\"epoch\":1,\"train_loss\":7.75}\n");
        EXPECT_HAS(ask(port, "/data.json", "localhost"), "7.75");
        write("run/metrics.jsonl", "nonsense\n");
        EXPECT_HAS(ask(port, "/data.json", host), "503");
        EXPECT_HAS(ask(port, "/../x", host), "404");
        EXPECT_HAS(ask(port, "/", "elsewhere.example"), "403");
        EXPECT_HAS(ask(port, "/data.json", "127.0.0.1.example"), "403");
      });
    else
      ++asked;
    return asked < 7;
  });
  reader.join();
}

// ---- files for other tools -----------------------------------------------------------------------

TEST(Svg, EscapesAndScales) {
  const std::string svg = to_svg({{.title = "a<b & c", .series = {{.name = "x", .x = {0, 1, 2}, .y = {1, NAN, 3}}}}});
  EXPECT_HAS(svg, "a&lt;b &amp; c");
  EXPECT_EQ(svg.find("nan"), std::string::npos);
  EXPECT_HAS(svg, "#0072b2");
}

TEST_F(Report, PlotsOfARun) {
  const std::string run =
      write("run/metrics.jsonl", "{\"epoch\":1,\"train_loss\":2}\n{\"epoch\":2,\"train_loss\":1}\n");
  const auto files = write_plots({.paths = {run}}, (root_ / "plots").string());
  ASSERT_EQ(files.size(), 2u);
  EXPECT_HAS(content(files[0]), "<svg");
  EXPECT_EQ(content(files[1]).substr(1, 3), "PNG");
}

// RFC 3720, B.4: 32 bytes of 0, of 0xff, 0 … 31; and the check value of the catalogue of CRCs.
TEST(Events, Crc32c) {
  EXPECT_EQ(crc32c("123456789"), 0xe3069283u);
  EXPECT_EQ(crc32c(std::string(32, '\0')), 0x8a9136aau);
  EXPECT_EQ(crc32c(std::string(32, '\xff')), 0x62a8ab43u);
  std::string counted;
  for (char c = 0; c < 32; ++c) counted += c;
  EXPECT_EQ(crc32c(counted), 0x46dd794eu);
}

// Field by field: 09 double 1.5; 10 varint 300; 2a 0d summary { 0a 0b value { 0a 04 "loss"… 15 float 2 } }.
TEST(Events, ScalarOnTheWire) {
  const std::string wanted(
      "\x09\0\0\0\0\0\0\xf8\x3f"
      "\x10\xac\x02"
      "\x2a\x0d\x0a\x0b"
      "\x0a\x04"
      "loss"
      "\x15\0\0\0\x40",
      27);
  EXPECT_EQ(scalar_event(1.5, 300, "loss", 2), wanted);
}

// histo { 09 min; 11 max; 19 num 3; 21 sum 1·0.5 + 2·1.5; 29 squares; 32 10 limits 1, 2; 3a 10 buckets 1, 2 }.
TEST(Events, HistogramOnTheWire) {
  const auto real = [](double v) { return std::string(reinterpret_cast<const char*>(&v), 8); };
  const std::string histogram = "\x09" + real(0) + "\x11" + real(2) + "\x19" + real(3) + "\x21" + real(3.5) + "\x29" +
                                real(4.75) + "\x32\x10" + real(1) + real(2) + "\x3a\x10" + real(1) + real(2);
  ASSERT_EQ(histogram.size(), 81u);
  const std::string wanted = "\x09" + real(1.5) +
                             "\x10\xac\x02"
                             "\x2a\x58\x0a\x56"
                             "\x0a\x01h"
                             "\x2a\x51" +
                             histogram;
  EXPECT_EQ(histogram_event(1.5, 300, "h", {0, 2, {1, 2}}), wanted);
  EXPECT_EQ(histogram_event(0, 1, "h", {3, 3, {4, 0, 0}}), histogram_event(0, 1, "h", {2.5, 3.5, {4}}));
}

// The first record of every file that TensorBoard's own writer makes: its header's CRC is known.
TEST(Events, Record) {
  const std::string record = tf_record(std::string(24, 'x'));
  EXPECT_EQ(record.size(), 8u + 4 + 24 + 4);
  EXPECT_EQ(record.substr(0, 12), std::string("\x18\0\0\0\0\0\0\0\xa3\x7f\x4b\x22", 12));
}

TEST_F(Report, EventsOfARun) {
  const std::string run =
      write("run/metrics.jsonl", "{\"epoch\":1,\"train_loss\":2}\n{\"epoch\":2,\"train_loss\":1}\n");
  const auto files = write_events({.paths = {run, run}}, (root_ / "events").string());
  ASSERT_EQ(files.size(), 2u);
  EXPECT_NE(files[0], files[1]);
  const std::string first = tf_record(first_event(0)), text = content(files[0]);
  EXPECT_EQ(text,
            first + tf_record(scalar_event(0, 1, "epoch/train_loss", 2)) +
                tf_record(scalar_event(0, 2, "epoch/train_loss", 1)));
}

}  // namespace
}  // namespace gradus::report
