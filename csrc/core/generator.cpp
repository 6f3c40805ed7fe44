#include "core/generator.h"

#include <cstring>
#include <random>

#include "core/error.h"
#include "core/interrupt.h"
#include "core/mersenne_twist.h"

namespace fb {
namespace {

// PyTorch's saved state: a struct older than its present generator, with what came later behind.
struct LegacyState {
  uint64_t seed;
  int32_t left;
  int32_t seeded;
  uint64_t next;
  uint64_t words[624];
  double unused_x;
  double normal;
  double unused_rho;
  int32_t has_normal;
};
struct SavedState {
  LegacyState legacy;
  float float_normal;
  uint8_t has_float_normal;
};
static_assert(sizeof(SavedState) == Generator::kStateBytes);

// 53 bits, so that the seed survives as a Python float or a JSON number.
uint64_t nondeterministic_seed() {
  std::random_device device;
  const uint64_t high = device();
  return (high << 32 | device()) & ((uint64_t{1} << 53) - 1);
}

struct InstalledTwist {
  void (*function)(uint32_t* words);
  int rank;
};
constinit InstalledTwist installed_twist{twist_words, -1};

}  // namespace

void Generator::reseed(uint64_t seed) {
  seed_ = seed;
  words_[0] = static_cast<uint32_t>(seed);
  for (uint32_t i = 1; i < kWords; ++i) {
    words_[i] = 1812433253u * (words_[i - 1] ^ (words_[i - 1] >> 30)) + i;
  }
  left_ = 1;
  next_ = 0;
  next_normal_.reset();
  next_float_normal_.reset();
}

// Others may draw while the hook runs, and the hook itself: the interpreter's lock that it takes
// could be held by a thread that waits for this generator's.
void Generator::offer_interrupt() {
  struct Unlocked {
    explicit Unlocked(std::mutex& m) : mutex(m) { mutex.unlock(); }
    ~Unlocked() { mutex.lock(); }
    std::mutex& mutex;
  } unlocked(mutex_);
  ask_interrupt();
}

void Generator::refill() {
  static_assert(kWords == kTwistWords);
  constexpr uint32_t kRefillsPerLook = 64;
  if (++refills_ % kRefillsPerLook == 0 && interrupt_due()) {
    left_ = 1;  // as before the draw
    offer_interrupt();
    if (left_ > 1) {  // others have refilled it
      --left_;
      return;
    }
  }
  installed_twist.function(words_.data());
  left_ = kWords;
  next_ = 0;
}

void install_twist(void (*twist)(uint32_t* words), int rank) {
  if (rank > installed_twist.rank) installed_twist = {twist, rank};
}

void Generator::manual_seed(uint64_t seed) {
  std::lock_guard lock(mutex_);
  reseed(seed);
}

uint64_t Generator::initial_seed() const {
  std::lock_guard lock(mutex_);
  return seed_;
}

uint64_t Generator::seed() {
  const uint64_t seed = nondeterministic_seed();
  manual_seed(seed);
  return seed;
}

Generator::State Generator::get_state() const {
  SavedState saved{};
  {
    std::lock_guard lock(mutex_);
    saved.legacy.seed = seed_;
    saved.legacy.left = left_;
    saved.legacy.seeded = 1;
    saved.legacy.next = next_;
    std::copy(words_.begin(), words_.end(), saved.legacy.words);
    saved.legacy.has_normal = next_normal_.has_value();
    saved.legacy.normal = next_normal_.value_or(0.0);
    saved.has_float_normal = next_float_normal_.has_value();
    saved.float_normal = next_float_normal_.value_or(0.0f);
  }
  State bytes;
  std::memcpy(bytes.data(), &saved, sizeof(saved));
  return bytes;
}

void Generator::set_state(const uint8_t* bytes, size_t size) {
  FB_CHECK(size == kStateBytes, "Expected a CPUGeneratorImplState of size ", kStateBytes,
           " but found the input RNG state size to be ", size);
  SavedState saved;
  std::memcpy(&saved, bytes, size);
  const LegacyState& legacy = saved.legacy;
  const bool in_range = legacy.seeded != 0 && legacy.left >= 1 && legacy.left <= kWords &&
                        legacy.next <= static_cast<uint64_t>(kWords);
  // A forged state must not send the next draws past the last word.
  FB_CHECK(in_range && legacy.next + static_cast<uint64_t>(legacy.left) <= kWords + 1,
           "Invalid mt19937 state");
  std::lock_guard lock(mutex_);
  seed_ = legacy.seed;
  left_ = legacy.left;
  next_ = static_cast<uint32_t>(legacy.next);
  std::transform(legacy.words, legacy.words + kWords, words_.begin(),
                 [](uint64_t word) { return static_cast<uint32_t>(word); });
  next_normal_.reset();
  if (legacy.has_normal) next_normal_ = legacy.normal;
  next_float_normal_.reset();
  if (saved.has_float_normal) next_float_normal_ = saved.float_normal;
}

std::shared_ptr<Generator> Generator::clone() const {
  const State state = get_state();
  auto copy = std::make_shared<Generator>();
  copy->set_state(state.data(), state.size());
  return copy;
}

const std::shared_ptr<Generator>& shared_default_generator() {
  static const auto generator = std::make_shared<Generator>(nondeterministic_seed());
  return generator;
}

Generator& default_generator() { return *shared_default_generator(); }

}  // namespace fb
