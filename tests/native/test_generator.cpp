// The generator and the streams against numbers that PyTorch 2.13 printed. Fills of a thousand
// numbers are compared by a hash of their bytes.
#include <cmath>
#include <cstring>
#include <vector>

#include "check.h"
#include "core/generator.h"
#include "core/random_discrete.h"
#include "core/random_streams.h"

using namespace fb;
using namespace fb::streams;

namespace {

constexpr int64_t kCount = 1003;

uint64_t hash(const void* data, size_t bytes) {
  uint64_t h = 1469598103934665603u;
  for (size_t i = 0; i < bytes; ++i) {
    h = (h ^ static_cast<const uint8_t*>(data)[i]) * 1099511628211u;
  }
  return h;
}

template <class T, class Draw>
uint64_t hash_of(Generator& generator, const Draw& draw) {
  std::vector<T> values(kCount);
  draw(generator, values.data());
  return hash(values.data(), sizeof(T) * kCount);
}

void test_twister() {
  Generator generator(5489);  // the seed of the C++ standard's mt19937 and its 10,000th number
  CHECK(generator.random() == 3499211612u);
  for (int i = 1; i < 9999; ++i) generator.random();
  CHECK(generator.random() == 4123659995u);
}

void test_seeds() {
  Generator generator;
  CHECK(generator.initial_seed() == 67280421310721u);
  generator.manual_seed(uint64_t{1} << 40);
  CHECK(generator.initial_seed() == uint64_t{1} << 40);
  Generator zero(0);
  CHECK(generator.random() == zero.random());  // only the low 32 bits reach the state
  const uint64_t seed = generator.seed();
  CHECK(seed == generator.initial_seed() && seed >> 53 == 0);
  CHECK(&default_generator() == shared_default_generator().get());
}

void test_take_equals_random() {
  Generator one(3), other(3);
  for (int64_t wanted : {1, 2, 621, 3, 1000, 624, 5}) {
    for (int64_t left = wanted; left > 0;) {
      int64_t count;
      const uint32_t* words = one.take(left, count);
      CHECK(count > 0 && count <= left);
      for (int64_t i = 0; i < count; ++i) CHECK(Generator::temper(words[i]) == other.random());
      left -= count;
    }
    CHECK(one.random() == other.random());
    CHECK(one.get_state() == other.get_state());
  }
}

void test_state() {
  Generator generator(42);
  for (int i = 0; i < 3; ++i) standard_normal(generator);
  const Generator::State state = generator.get_state();
  const auto copy = generator.clone();
  CHECK(copy->get_state() == state);
  for (int i = 0; i < 700; ++i) CHECK(standard_normal(generator) == standard_normal(*copy));
  generator.set_state(state.data(), state.size());
  CHECK(generator.get_state() == state);
  generator.manual_seed(42);
  for (int i = 0; i < 3; ++i) generator.random();
  const Generator::State drawn = generator.get_state();
  CHECK(hash(drawn.data(), drawn.size()) == 0x0beb75d241fa734du);
}

void test_bad_states() {
  Generator generator(1);
  generator.random();
  const Generator::State good = generator.get_state();
  CHECK_RAISES(ErrorKind::Runtime, "found the input RNG state size to be 12",
               generator.set_state(good.data(), 12));
  struct Change {
    int at, value;
  };
  for (auto [at, value] : {Change{8, 0}, {8, 625}, {8, -1}, {12, 0}, {16, 2}, {16, 625}}) {
    Generator::State bad = good;
    std::memcpy(bad.data() + at, &value, sizeof(value));
    CHECK_RAISES(ErrorKind::Runtime, "Invalid mt19937 state",
                 generator.set_state(bad.data(), bad.size()));
  }
  CHECK(generator.get_state() == good);
}

void test_streams() {
  Generator generator;
  const auto again = [&]() -> Generator& {
    generator.manual_seed(42);
    return generator;
  };
  CHECK(hash_of<float>(again(), [](auto& g, float* x) { uniform(g, x, kCount, -2, 3); }) ==
        0x7301c7d2e3d8481au);
  CHECK(hash_of<double>(again(), [](auto& g, double* x) { uniform(g, x, kCount, -2, 3); }) ==
        0xae94542a1e696ba3u);
  CHECK(hash_of<float>(again(), [](auto& g, float* x) { normal(g, x, kCount, 1, 2); }) ==
        0x941678dc4ab2a747u);
  CHECK(hash_of<int64_t>(again(), [](auto& g, int64_t* x) { permutation(g, x, kCount); }) ==
        0x4ddca21d90e1175du);
  CHECK(hash_of<float>(again(), [](auto& g, float* x) { bernoulli(g, x, kCount, 0.3); }) ==
        0x2756ba4fb69cd21au);
  CHECK(hash_of<int64_t>(again(), [](auto& g, int64_t* x) {
          fill(g, x, kCount, IntegerRange<int64_t>{uint64_t{1} << 41, -(int64_t{1} << 40)});
        }) == 0x218cc747dce66c27u);
  CHECK(hash_of<int32_t>(generator, [](auto& g, int32_t* x) {
          fill(g, x, kCount, IntegerRange<int32_t>{10, -5});
        }) == 0xd0476b7a22f2e79cu);
  CHECK(hash_of<int64_t>(again(), [](auto& g, int64_t* x) {
          fill(g, x, kCount, IntegerOfType<int64_t>{});
        }) == 0x14e92c5761786a3bu);
  CHECK(hash_of<int16_t>(generator, [](auto& g, int16_t* x) {
          fill(g, x, kCount, IntegerOfType<int16_t>{});
        }) == 0x21046c927aa5c0a0u);
}

// What the fast ways give must be what the samplers give.
template <class T>
void test_fast_equals_sampler() {
  for (int64_t n : {0, 1, 511, 512, 513, 2000}) {
    Generator one(7), other(7);
    std::vector<T> a(n), b(n);
    const auto same = [&] {
      return n == 0 || std::memcmp(a.data(), b.data(), sizeof(T) * a.size()) == 0;
    };
    one.random();  // an odd position in the words
    other.random();
    uniform(one, a.data(), n, -1, 2);
    fill(other, b.data(), n, Uniform<T>(-1, 2));
    CHECK(same());
    bernoulli(one, a.data(), n, 0.7);
    fill(other, b.data(), n, Bernoulli<T, double>{0.7});
    CHECK(same());
    CHECK(one.get_state() == other.get_state());
  }
}

bool close(double a, double b) { return std::fabs(a - b) <= 1e-15 * std::fabs(b); }

void test_scalar_samplers() {
  Generator generator(42);
  double values[3];
  normal(generator, values, 3, 0, 1);
  CHECK(close(values[0], 0x1.58c55b33d44ccp-2) && close(values[1], 0x1.07cd39b3d4b85p-3) &&
        close(values[2], 0x1.e02dcdb63ec41p-3));
  generator.manual_seed(42);
  fill(generator, values, 3, Exponential<double>{1.5});
  CHECK(close(values[0], 0x1.4735dd7f3b88cp-5) && close(values[1], 0x1.62db3659598f2p-5) &&
        close(values[2], 0x1.683883537846ap-4));
}

void test_counts() {
  Generator generator(42);
  const double rates[] = {0, 0.5, 3, 20, 400};
  const int64_t poissons[] = {0, 0, 1, 28, 374};
  for (int i = 0; i < 5; ++i) CHECK(poisson(generator, rates[i]) == poissons[i]);
  const float counts[] = {0, 5, 300, 1000, 50}, chances[] = {0.5f, 0.5f, 0.01f, 0.4f, 0.9f};
  const float binomials[] = {0, 3, 2, 406, 47};
  for (int i = 0; i < 5; ++i) CHECK(binomial(generator, counts[i], chances[i]) == binomials[i]);
  CHECK(std::isnan(binomial(generator, 3.0f, NAN)) && std::isnan(binomial(generator, NAN, 0.3f)));
}

void test_categories() {
  Generator generator(42);
  float weights[20], room[20];
  for (int i = 0; i < 20; ++i) weights[i] = static_cast<float>(i % 7 + 1);
  int64_t drawn[kCount];
  categories_with_replacement(generator, weights, 1, 20, drawn, 1, kCount, room);
  CHECK(hash(drawn, sizeof(drawn)) == 0x528b621d46fcc0a5u);
  for (float bad : {-1.0f, INFINITY, NAN}) {
    weights[3] = bad;
    CHECK_RAISES(ErrorKind::Runtime, "invalid multinomial distribution",
                 categories_with_replacement(generator, weights, 1, 20, drawn, 1, 1, room));
  }
  const float nothing[3] = {0, 0, 0};
  CHECK_RAISES(ErrorKind::Runtime, "sum of probabilities <= 0",
               categories_with_replacement(generator, nothing, 1, 3, drawn, 1, 1, room));
}

}  // namespace

int main() {
  test_twister();
  test_seeds();
  test_take_equals_random();
  test_state();
  test_bad_states();
  test_streams();
  test_fast_equals_sampler<float>();
  test_fast_equals_sampler<double>();
  test_fast_equals_sampler<Half>();
  test_fast_equals_sampler<BFloat16>();
  test_scalar_samplers();
  test_counts();
  test_categories();
  return fb_test::report();
}
