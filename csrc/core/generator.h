// The random number generator of the CPU: a Mersenne Twister (MT19937; Matsumoto and Nishimura,
// 1998) whose seeding, draws and saved state are those of PyTorch's CPU generator, bit for bit.
#pragma once
#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <mutex>
#include <optional>

namespace fb {

class Generator {
 public:
  static constexpr uint64_t kDefaultSeed = 67280421310721;
  static constexpr size_t kStateBytes = 5056;
  using State = std::array<uint8_t, kStateBytes>;

  explicit Generator(uint64_t seed = kDefaultSeed) { reseed(seed); }
  Generator(const Generator&) = delete;
  Generator& operator=(const Generator&) = delete;

  // These lock by themselves.
  void manual_seed(uint64_t seed);
  uint64_t initial_seed() const;
  // Reseeds from the operating system and returns the new seed.
  uint64_t seed();
  // The layout of torch.get_rng_state(), so that states can be exchanged with PyTorch.
  State get_state() const;
  void set_state(const uint8_t* bytes, size_t size);
  std::shared_ptr<Generator> clone() const;

  // Everything below is for kernels, which hold this lock over a whole fill. Long fills let go of
  // it every 50 ms to be interrupted.
  std::mutex& mutex() const { return mutex_; }

  uint32_t random() {
    if (--left_ == 0) refill();
    return temper(words_[next_++]);
  }

  uint64_t random64() {
    const uint64_t high = random();
    return high << 32 | random();
  }

  // Hands out up to `wanted` untempered words at once; temper() turns each into what random()
  // would have returned. `count` receives how many there are.
  const uint32_t* take(int64_t wanted, int64_t& count) {
    if (left_ == 1) {
      refill();
      ++left_;  // random() counts the draw before it refills
    }
    count = std::min<int64_t>(wanted, left_ - 1);
    const uint32_t* words = words_.data() + next_;
    left_ -= static_cast<int>(count);
    next_ += static_cast<uint32_t>(count);
    return words;
  }

  static uint32_t temper(uint32_t y) {
    y ^= y >> 11;
    y ^= (y << 7) & 0x9d2c5680u;
    y ^= (y << 15) & 0xefc60000u;
    return y ^ (y >> 18);
  }

  // The Box-Muller transform makes two normal samples at a time; the second waits here.
  std::optional<double>& next_normal() { return next_normal_; }

 private:
  static constexpr int kWords = 624;

  void reseed(uint64_t seed);
  void refill();
  void offer_interrupt();

  mutable std::mutex mutex_;
  uint64_t seed_;
  int left_;       // draws until the next refill, that one included
  uint32_t next_;  // index of the next word
  uint32_t refills_ = 0;
  std::array<uint32_t, kWords> words_;
  std::optional<double> next_normal_;
  std::optional<float> next_float_normal_;  // only carried along in saved states
};

// Replaces the loop that makes the next 624 words of state by a faster compilation of it (from
// core/mersenne_twist.h). The highest rank wins.
void install_twist(void (*twist)(uint32_t* words), int rank);

// The generator of every operator that is not given one; seeded by the operating system.
Generator& default_generator();
// The same, to be shared with Python.
const std::shared_ptr<Generator>& shared_default_generator();

}  // namespace fb
