// A block of queries at a time: its scores stay in the cache between the products, and those of
// keys that no query of the block may see are not computed (Dao et al. 2022, "FlashAttention").
#include "ops/attention_kernels.h"

#include <algorithm>

#include "core/interrupt.h"
#include "cpu/gemv.h"
#include "cpu/rows.h"

namespace fb::inline FB_CPU_NAMESPACE {
namespace {

constexpr int64_t kBlockRows = 64;
constexpr int64_t kTaskWork = 1'000'000;  // multiplications that are worth a task
constexpr int64_t kHeadWork = 40'000;     // what a block costs besides, in multiplications

// The matrices in the last two dimensions of a tensor.
struct Heads {
  explicit Heads(const Tensor& t)
      : tensor(t), rows(t.size(-2)), cols(t.size(-1)), stride(t.strides()[t.sizes().size() - 2]) {}
  char* row(int64_t head, int64_t i) const {
    int64_t offset = i * stride;
    for (size_t d = tensor.sizes().size() - 2; d-- > 0; head /= tensor.sizes()[d])
      offset += head % tensor.sizes()[d] * tensor.strides()[d];
    return static_cast<char*>(tensor.raw()) + offset * tensor.item_size();
  }
  // Rows of a head where they lie, or converted into `room`.
  template <class C>
  Matrix<const C> read(int64_t head, int64_t first, int64_t count, C* room) const {
    if (tensor.dtype() == dtype_of<C>)
      return {reinterpret_cast<const C*>(row(head, first)), stride, 1};
    for (int64_t i = 0; i < count; ++i)
      convert(room + i * cols, dtype_of<C>, row(head, first + i), tensor.dtype(), cols);
    return {room, cols, 1};
  }
  template <class C>
  void write(int64_t head, int64_t first, int64_t count, const C* from) const {
    for (int64_t i = 0; i < count; ++i)
      convert(row(head, first + i), tensor.dtype(), from + i * cols, dtype_of<C>, cols);
  }
  template <class C>
  int64_t room(int64_t count) const {
    return tensor.dtype() == dtype_of<C> ? 0 : count * cols;
  }
  const Tensor& tensor;
  int64_t rows, cols, stride;
};

struct Block {
  Block(int64_t index, int64_t queries, int64_t keys, bool causal)
      : first(index * kBlockRows),
        rows(std::min(kBlockRows, queries - first)),
        keys(causal ? std::min(keys, first + rows) : keys),
        causal(causal) {}
  // How many keys the i-th query of the block sees.
  int64_t seen(int64_t i) const { return causal ? std::min(keys, first + i + 1) : keys; }
  int64_t first, rows, keys;
  bool causal;
};

// Blocks of a causal attention have many shapes.
template <class C>
void multiply(int64_t m, int64_t n, int64_t k, C alpha, Matrix<const C> a, Matrix<const C> b,
              C beta, Matrix<C> c) {
  gemm<C>(m, n, k, alpha, a, b, beta, c, false);
}

// c = alpha a @ b^T.
template <class C>
void scores_of(const Block& block, int64_t depth, C alpha, Matrix<const C> a, Matrix<const C> b,
               C* c) {
  if (block.rows > 1)
    return multiply<C>(block.rows, block.keys, depth, alpha, a, b.transposed(), C(0),
                       {c, block.keys, 1});
  dot_products<C, C>(depth, block.keys, a.data, b.data, b.row, c);
  for (int64_t j = 0; j < block.keys; ++j) c[j] *= alpha;
}

template <class C>
C exponentials(C* s, C shift, int64_t n) {
#pragma GCC ivdep
  for (int64_t j = 0; j < n; ++j) s[j] = math::exp(s[j] - shift);
  return sum_of<C>(n, [&](int64_t j) { return s[j]; });
}

template <class C>
void attend_block(const Block& block, int64_t head, const Heads& out, C* logs, const Heads& query,
                  Matrix<const C> k, Matrix<const C> v, C scale, C* scores, C* mixed, C* room) {
  const Matrix<const C> q = query.read<C>(head, block.first, block.rows, room);
  scores_of<C>(block, query.cols, scale, q, k, scores);
  C sums[kBlockRows];
  for (int64_t i = 0; i < block.rows; ++i) {
    C* s = scores + i * block.keys;
    const int64_t seen = block.seen(i);
    const C most = max_of(s, seen);
    sums[i] = exponentials(s, most, seen);
    std::fill(s + seen, s + block.keys, C());
    logs[i] = most + math::log(sums[i]);
  }
  const int64_t width = out.cols;
  if (block.rows == 1) {
    sum_of_rows<C, C>(block.keys, width, scores, v.data, v.row, mixed);
  } else {
    multiply<C>(block.rows, width, block.keys, C(1), {scores, block.keys, 1}, v, C(0),
                {mixed, width, 1});
  }
  for (int64_t i = 0; i < block.rows; ++i) {
    const C factor = C(1) / sums[i];
    for (int64_t j = 0; j < width; ++j) mixed[i * width + j] *= factor;
  }
  out.write<C>(head, block.first, block.rows, mixed);
}

void attention_cpu(const Tensor& out, const Tensor& logs, const Tensor& query, const Tensor& key,
                   const Tensor& value, double scale, bool causal) {
  in_compute_type(out.dtype(), "attention", [&]<class C>(C) {
    const Heads q(query), k(key), v(value), o(out);
    const int64_t blocks = (q.rows + kBlockRows - 1) / kBlockRows, heads = logs.numel() / q.rows,
                  most_rows = std::min(q.rows, kBlockRows),
                  work = most_rows * k.rows * (q.cols + v.cols) + kHeadWork;
    parallel_for(0, heads * blocks, kTaskWork / work, [&](int64_t from, int64_t to) {
      Scratch<C> scores(most_rows * k.rows), mixed(most_rows * v.cols),
          q_room(q.room<C>(most_rows)), k_room(k.room<C>(k.rows)), v_room(v.room<C>(v.rows));
      for (int64_t task = from; task < to; ++task) {
        if (work > kTaskWork / 16) check_interrupt();
        const int64_t head = task / blocks;
        const Block block(task % blocks, q.rows, k.rows, causal);
        attend_block<C>(block, head, o, logs.data<C>() + head * q.rows + block.first, q,
                        k.read<C>(head, 0, block.keys, k_room),
                        v.read<C>(head, 0, block.keys, v_room), static_cast<C>(scale), scores,
                        mixed, q_room);
      }
    });
  });
}
CPU_KERNEL(attention, attention_cpu)

// With p = softmax(scale q k^T):  dv = p^T dout,  ds = p (dout v^T - sum(p dout v^T)),
// dq = scale ds k,  dk = scale ds^T q.
template <class C>
void attend_backward(const Block& block, Matrix<const C> g, const C* logs, Matrix<const C> q,
                     Matrix<const C> k, Matrix<const C> v, int64_t depth, int64_t width, C scale,
                     C* dq, C* dk, C* dv, C* weights, C* slopes) {
  const int64_t rows = block.rows, keys = block.keys;
  scores_of<C>(block, depth, scale, q, k, weights);
  scores_of<C>(block, width, C(1), g, v, slopes);
  for (int64_t i = 0; i < rows; ++i) {
    C *p = weights + i * keys, *s = slopes + i * keys;
    const int64_t seen = block.seen(i);
    exponentials(p, logs[i], seen);
    const C level = sum_of<C>(seen, [&](int64_t j) { return p[j] * s[j]; });
#pragma GCC ivdep
    for (int64_t j = 0; j < seen; ++j) s[j] = p[j] * (s[j] - level);
    std::fill(p + seen, p + keys, C());
    std::fill(s + seen, s + keys, C());
  }
  const Matrix<const C> p{weights, keys, 1}, s{slopes, keys, 1};
  multiply<C>(keys, width, rows, C(1), p.transposed(), g, C(1), {dv, width, 1});
  multiply<C>(rows, depth, keys, scale, s, k, C(0), {dq, depth, 1});
  multiply<C>(keys, depth, rows, scale, s.transposed(), q, C(1), {dk, depth, 1});
}

void attention_backward_cpu(const Tensor& dquery, const Tensor& dkey, const Tensor& dvalue,
                            const Tensor& dout, const Tensor& logs, const Tensor& query,
                            const Tensor& key, const Tensor& value, double scale, bool causal) {
  in_compute_type(query.dtype(), "attention", [&]<class C>(C) {
    const Heads q(query), k(key), v(value), g(dout), dq(dquery), dk(dkey), dv(dvalue);
    const int64_t blocks = (q.rows + kBlockRows - 1) / kBlockRows,
                  most_rows = std::min(q.rows, kBlockRows);
    const int64_t work = 2 * q.rows * k.rows * (q.cols + v.cols) + kHeadWork;
    parallel_for(0, logs.numel() / q.rows, kTaskWork / work, [&](int64_t from, int64_t to) {
      Scratch<C> weights(2 * most_rows * k.rows), sums(k.rows * (q.cols + v.cols)),
          tile(most_rows * q.cols), q_room(q.room<C>(most_rows)), g_room(g.room<C>(most_rows)),
          k_room(k.room<C>(k.rows)), v_room(v.room<C>(v.rows));
      C *to_keys = sums, *to_values = to_keys + k.rows * q.cols;
      for (int64_t head = from; head < to; ++head) {
        const Matrix<const C> ks = k.read<C>(head, 0, k.rows, k_room),
                              vs = v.read<C>(head, 0, v.rows, v_room);
        std::fill_n(to_keys, k.rows * (q.cols + v.cols), C());
        for (int64_t b = 0; b < blocks; ++b) {
          check_interrupt();
          const Block block(b, q.rows, k.rows, causal);
          attend_backward<C>(block, g.read<C>(head, block.first, block.rows, g_room),
                             logs.data<C>() + head * q.rows + block.first,
                             q.read<C>(head, block.first, block.rows, q_room), ks, vs, q.cols,
                             v.cols, static_cast<C>(scale), tile, to_keys, to_values, weights,
                             weights + most_rows * k.rows);
          dq.write<C>(head, block.first, block.rows, tile);
        }
        dk.write<C>(head, 0, k.rows, to_keys);
        dv.write<C>(head, 0, v.rows, to_values);
      }
    });
  });
}
CPU_KERNEL(attention_backward, attention_backward_cpu)

}  // namespace
}  // namespace fb::inline FB_CPU_NAMESPACE
