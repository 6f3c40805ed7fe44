#include "core/trace.h"

#include <atomic>
#include <thread>
#include <vector>

#include "check.h"

namespace {

using namespace fb;

const std::string kOuter = "outer", kInner = "inner";

void work() {
  const trace::Span outer({trace::Kind::User, kOuter});
  for (int i = 0; i < 3; ++i) {
    const trace::Mark mark =
        trace::begin({trace::Kind::Operator, kInner},
                     [&](std::vector<int64_t>& to) { to.insert(to.end(), 5, i); });
    trace::end(mark, i);
  }
}

// Parents come before their children and enclose them.
void check_log(const trace::Log& log) {
  for (uint32_t i = 0; i < log.count; ++i) {
    const trace::Record& r = log.at(i);
    CHECK(r.end >= r.begin && r.begin > 0);
    CHECK(r.parent < static_cast<int32_t>(i));
    if (r.parent < 0) continue;
    const trace::Record& parent = log.at(static_cast<uint32_t>(r.parent));
    CHECK(parent.begin <= r.begin && r.end <= parent.end);
    CHECK(*parent.name == kOuter && *r.name == kInner);
    CHECK(r.arguments_end - r.arguments_begin == 5);
    CHECK(log.arguments[r.arguments_begin] == log.arguments[r.arguments_end - 1]);
  }
}

void test_spans_of_one_thread() {
  CHECK(!trace::on());
  CHECK(trace::start(trace::kShapes) && trace::on() && !trace::wants(trace::kMemory));
  CHECK(!trace::start(0));
  constexpr int kTimes = 1000;  // several chunks
  for (int i = 0; i < kTimes; ++i) work();
  const auto logs = trace::stop();
  CHECK(!trace::on() && logs.size() == 1 && logs[0]->count == 4 * kTimes);
  CHECK(logs[0]->at(1).sequence == 0 && logs[0]->at(3).sequence == 2);
  check_log(*logs[0]);
  CHECK(trace::stop().empty());
}

void test_spans_across_the_ends_of_a_recording() {
  trace::start(0);
  const trace::Mark lost = trace::begin({trace::Kind::User, kOuter});
  const auto first = trace::stop();
  CHECK(first.size() == 1 && first[0]->at(0).end >= first[0]->at(0).begin);
  CHECK(trace::begin({trace::Kind::User, kOuter}).session == 0);
  trace::start(0);
  const trace::Mark open = trace::begin({trace::Kind::User, kInner});
  trace::end(lost);
  std::thread([&] { trace::end(open); }).join();  // not the thread that began
  const trace::Mark inside = trace::begin({trace::Kind::User, kInner});
  trace::end(open);    // ends what is inside too
  trace::end(inside);  // so this has nothing to do
  const auto second = trace::stop();
  CHECK(second.size() == 1 || second.size() == 2);  // the other thread has nothing to show
  const trace::Log& log = second[0]->count ? *second[0] : *second[1];
  CHECK(log.count == 2 && log.at(1).parent == 0);
  CHECK(log.at(0).end == log.at(1).end);
}

void test_threads_that_run_while_it_starts_and_stops() {
  std::atomic<bool> stopping{false};
  std::vector<std::thread> threads;
  for (int i = 0; i < 4; ++i)
    threads.emplace_back([&] {
      while (!stopping) {
        if (trace::on()) work();
      }
    });
  uint64_t seen = 0;
  for (int i = 0; i < 300 || seen == 0; ++i) {
    CHECK(trace::start(trace::kShapes));
    work();
    std::this_thread::yield();
    for (const auto& log : trace::stop()) {
      check_log(*log);
      seen += log->count;
    }
  }
  stopping = true;
  for (std::thread& thread : threads) thread.join();
}

}  // namespace

int main() {
  test_spans_of_one_thread();
  test_spans_across_the_ends_of_a_recording();
  test_threads_that_run_while_it_starts_and_stops();
  return fb_test::report();
}
