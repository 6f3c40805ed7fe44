// A block of queries at a time: its scores stay in the cache between the products, and those of
// keys that no query of the block may see are not computed (Dao et al. 2022, "FlashAttention").
#include "ops/attention_kernels.h"

#include <algorithm>

#include "core/interrupt.h"
#include "cpu/gemv.h"
#include "cpu/panels.h"
#include "cpu/rows.h"

namespace fb::inline FB_CPU_NAMESPACE {
namespace {

constexpr int64_t kMostRows = 80;         // of a block
constexpr int64_t kStripRows = 16;        // of a causal block, that go to the same key
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
    const int64_t step = stride * tensor.item_size();
    const char* from = row(head, first);
    for (int64_t i = 0; i < count; ++i)
      convert(room + i * cols, dtype_of<C>, from + i * step, tensor.dtype(), cols);
    return {room, cols, 1};
  }
  template <class C>
  void write(int64_t head, int64_t first, int64_t count, const C* from, int64_t from_row) const {
    const int64_t step = stride * tensor.item_size();
    char* to = row(head, first);
    for (int64_t i = 0; i < count; ++i)
      convert(to + i * step, tensor.dtype(), from + i * from_row, dtype_of<C>, cols);
  }
  template <class C>
  int64_t room(int64_t count) const {
    return tensor.dtype() == dtype_of<C> ? 0 : count * cols;
  }
  const Tensor& tensor;
  int64_t rows, cols, stride;
};

// A run of queries of one head.
struct Block {
  int64_t first, rows, keys;
  bool causal;
  // How many keys the i-th query of the block sees.
  int64_t seen(int64_t i) const { return causal ? std::min(keys, first + i + 1) : keys; }
};

class Blocks {
 public:
  Blocks(int64_t queries, int64_t keys, bool causal)
      : queries_(queries),
        keys_(keys),
        causal_(causal),
        count_((queries + kMostRows - 1) / kMostRows),
        rows_(std::min(queries, ((queries + count_ - 1) / count_ + 7) / 8 * 8)) {}
  int64_t count() const { return count_; }
  int64_t rows() const { return rows_; }  // of the longest
  Block operator[](int64_t i) const {
    const int64_t first = i * rows_, rows = std::min(rows_, queries_ - first);
    return {first, rows, causal_ ? std::min(keys_, first + rows) : keys_, causal_};
  }

 private:
  int64_t queries_, keys_;
  bool causal_;
  int64_t count_, rows_;
};

// Runs strip(first row, rows, keys) over rows of a block and the keys that some of them see.
template <class F>
void strips_of_rows(const Block& block, F strip) {
  if (!block.causal) return strip(0, block.rows, block.keys);
  for (int64_t i = 0; i < block.rows; i += kStripRows)
    strip(i, std::min(kStripRows, block.rows - i),
          std::min(block.keys, block.first + i + kStripRows));
}

// Runs strip(first key, keys, first row) over keys and the rows from which on they are seen.
template <class F>
void strips_of_keys(const Block& block, F strip) {
  const int64_t before = block.causal ? std::min(block.first, block.keys) : block.keys;
  if (before > 0) strip(0, before, 0);
  for (int64_t j = before; j < block.keys; j += kStripRows)
    strip(j, std::min(kStripRows, block.keys - j), j - block.first);
}

// Between the rows of scores, which are worked on in whole groups of sums.
template <class C>
int64_t score_stride(int64_t keys) {
  return (keys + kSideBySide<C> - 1) / kSideBySide<C> * kSideBySide<C> + kPanelWidth<C>;
}

// The numbers after the first n of a row of scores, up to a whole group.
template <class C>
int64_t fill_group(C* row, int64_t n, C value) {
  const int64_t end = (n + kSideBySide<C> - 1) / kSideBySide<C> * kSideBySide<C>;
  for (int64_t j = n; j < end; ++j) row[j] = value;
  return end;
}

template <class C>
void scale_all(C* x, C factor, int64_t n) {
  for (int64_t i = 0; i < n; ++i) x[i] *= factor;
}

template <class C>
C exponentials(C* s, C shift, int64_t n) {
#pragma GCC ivdep
  for (int64_t j = 0; j < n; ++j) s[j] = math::exp(s[j] - shift);
  return sum_of<C>(n, [&](int64_t j) { return s[j]; });
}

// What the queries of a head meet, in panels: keys^T * scale and values. Of a causal head only as
// much as the blocks so far need.
template <class C>
class HeadPanels {
 public:
  HeadPanels(const Heads& key, const Heads& value, double scale)
      : key_(key),
        value_(value),
        scale_(static_cast<C>(scale)),
        k_room_(key.room<C>(key.rows)),
        v_room_(value.room<C>(value.rows)),
        keys_(key.cols * padded_to_panels<C>(key.rows)),
        values_(key.rows * padded_to_panels<C>(value.cols)) {}

  void read(int64_t head, int64_t count) {
    if (head != head_) head_ = head, filled_ = 0;
    if (count <= filled_) return;
    const int64_t depth = key_.cols, width = value_.cols;
    const Matrix<const C> k = key_.read<C>(head, 0, count, k_room_),
                          v = value_.read<C>(head, 0, count, v_room_);
    const int64_t from = filled_ / kPanelWidth<C> * kPanelWidth<C>;
    for (int64_t j = from; j < count; j += kPanelWidth<C>) {
      C* panel = keys_ + j * depth;
      fill_panel<C>(panel, j, depth, count, k.transposed());
      scale_all(panel, scale_, depth * kPanelWidth<C>);
    }
    for (int64_t j = 0; j < width; j += kPanelWidth<C>)
      fill_panel<C>(values_ + j * key_.rows + filled_ * kPanelWidth<C>, j, count - filled_, width,
                    v.at(filled_, 0));
    filled_ = count;
  }
  Panels<C> keys() const { return {keys_, key_.cols * kPanelWidth<C>, kPanelWidth<C>}; }
  Panels<C> values() const { return {values_, key_.rows * kPanelWidth<C>, kPanelWidth<C>}; }

 private:
  const Heads &key_, &value_;
  C scale_;
  Scratch<C> k_room_, v_room_, keys_, values_;
  int64_t head_ = -1, filled_ = 0;
};

template <class C>
void attend_block(const Block& block, int64_t head, const Heads& out, C* logs, const Heads& query,
                  const HeadPanels<C>& panels, int64_t stride, C* scores, C* mixed, C* room) {
  const Matrix<const C> q = query.read<C>(head, block.first, block.rows, room);
  const int64_t width = out.cols, spread = padded_to_panels<C>(width);
  C factors[kMostRows];
  strips_of_rows(block, [&](int64_t first, int64_t rows, int64_t keys) {
    const Matrix<C> s{scores + first * stride, stride, 1}, y{mixed + first * spread, spread, 1};
    multiply_panels<C>(rows, keys, query.cols, q.at(first, 0), panels.keys(), false, s);
    for (int64_t i = 0; i < rows; ++i) {
      C* row = s.data + i * stride;
      const int64_t seen = block.seen(first + i);
      const int64_t end = fill_group(row, seen, -static_cast<C>(math::kInfinity));
      const C most = max_of(row, end), sum = exponentials(row, most, end);
      std::fill(row + seen, row + std::max(seen, keys), C());
      logs[first + i] = most + math::log(sum);
      factors[first + i] = C(1) / sum;
    }
    multiply_panels<C>(rows, width, keys, {s.data, stride, 1}, panels.values(), false, y);
  });
  for (int64_t i = 0; i < block.rows; ++i) {
    C* row = mixed + i * spread;
    scale_all(row, factors[i], width);
  }
  out.write<C>(head, block.first, block.rows, mixed, spread);
}

// One query in each head: panels would be read once only.
template <class C>
void attend_alone(int64_t head, const Heads& out, C* logs, const Heads& query, const Heads& key,
                  const Heads& value, int64_t keys, C scale, C* scores, C* mixed, C* q_room,
                  C* k_room, C* v_room) {
  const Matrix<const C> q = query.read<C>(head, 0, 1, q_room),
                        k = key.read<C>(head, 0, keys, k_room),
                        v = value.read<C>(head, 0, keys, v_room);
  dot_products<C, C>(query.cols, keys, q.data, k.data, k.row, scores);
  scale_all(scores, scale, keys);
  const C most = max_of(scores, keys), sum = exponentials(scores, most, keys), factor = C(1) / sum;
  *logs = most + math::log(sum);
  sum_of_rows<C, C>(keys, out.cols, scores, v.data, v.row, mixed);
  scale_all(mixed, factor, out.cols);
  out.write<C>(head, 0, 1, mixed, out.cols);
}

void attention_cpu(const Tensor& out, const Tensor& logs, const Tensor& query, const Tensor& key,
                   const Tensor& value, double scale, bool causal) {
  in_compute_type(out.dtype(), "attention", [&]<class C>(C) {
    const Heads q(query), k(key), v(value), o(out);
    const int64_t heads = logs.numel() / q.rows;
    if (q.rows == 1) {
      const int64_t keys = causal ? 1 : k.rows, work = keys * (q.cols + v.cols) + kHeadWork;
      parallel_for(0, heads, kTaskWork / work, [&](int64_t from, int64_t to) {
        Scratch<C> scores(keys), mixed(v.cols), q_room(q.room<C>(1)), k_room(k.room<C>(keys)),
            v_room(v.room<C>(keys));
        for (int64_t head = from; head < to; ++head)
          attend_alone<C>(head, o, logs.data<C>() + head, q, k, v, keys, static_cast<C>(scale),
                          scores, mixed, q_room, k_room, v_room);
      });
      return;
    }
    const Blocks blocks(q.rows, k.rows, causal);
    const int64_t stride = score_stride<C>(k.rows),
                  work = blocks.rows() * k.rows * (q.cols + v.cols) + kHeadWork;
    parallel_for(0, heads * blocks.count(), kTaskWork / work, [&](int64_t from, int64_t to) {
      HeadPanels<C> panels(k, v, scale);
      Scratch<C> scores(blocks.rows() * stride), mixed(blocks.rows() * padded_to_panels<C>(v.cols)),
          q_room(q.room<C>(blocks.rows()));
      for (int64_t task = from; task < to; ++task) {
        if (work > kTaskWork / 16) check_interrupt();
        const int64_t head = task / blocks.count();
        const Block block = blocks[task % blocks.count()];
        panels.read(head, block.keys);
        attend_block<C>(block, head, o, logs.data<C>() + head * q.rows + block.first, q, panels,
                        stride, scores, mixed, q_room);
      }
    });
  });
}
CPU_KERNEL(attention, attention_cpu)

// With p = softmax(scale q k^T):  dv = p^T dout,  ds = scale p (dout v^T - sum(p dout v^T)),
// dq = ds k,  dk = ds^T q.
template <class C>
class HeadBackward {
 public:
  HeadBackward(const Heads& q, const Heads& k, const Heads& v, const Blocks& blocks, double scale)
      : keys_(k.rows),
        depth_(q.cols),
        width_(v.cols),
        deep_(padded_to_panels<C>(depth_)),
        wide_(padded_to_panels<C>(width_)),
        stride_(score_stride<C>(keys_)),
        scale_(static_cast<C>(scale)),
        k_room_(k.room<C>(keys_)),
        v_room_(v.room<C>(keys_)),
        k_turned_(depth_ * padded_to_panels<C>(keys_)),
        v_turned_(width_ * padded_to_panels<C>(keys_)),
        k_(keys_ * deep_),
        q_(blocks.rows() * deep_),
        g_(blocks.rows() * wide_),
        weights_(blocks.rows() * stride_),
        slopes_(blocks.rows() * stride_),
        sums_(keys_ * (deep_ + wide_)),
        dq_(blocks.rows() * deep_) {}

  void begin(const Heads& key, const Heads& value, int64_t head) {
    const Matrix<const C> k = key.read<C>(head, 0, keys_, k_room_),
                          v = value.read<C>(head, 0, keys_, v_room_);
    k_turned_panels_ = fill_panels<C>(k_turned_, depth_, keys_, k.transposed());
    scale_all(k_turned_.data(), scale_, depth_ * padded_to_panels<C>(keys_));
    v_turned_panels_ = fill_panels<C>(v_turned_, width_, keys_, v.transposed());
    k_panels_ = fill_panels<C>(k_, keys_, depth_, k);
    std::fill_n(dk(), keys_ * (deep_ + wide_), C());
  }

  void add(const Block& block, Matrix<const C> g, const C* logs, Matrix<const C> q) {
    const Panels<C> q_panels = fill_panels<C>(q_, block.rows, depth_, q),
                    g_panels = fill_panels<C>(g_, block.rows, width_, g);
    strips_of_rows(block, [&](int64_t first, int64_t rows, int64_t keys) {
      const Matrix<C> p{weights_ + first * stride_, stride_, 1},
          s{slopes_ + first * stride_, stride_, 1};
      multiply_panels<C>(rows, keys, depth_, q.at(first, 0), k_turned_panels_, false, p);
      multiply_panels<C>(rows, keys, width_, g.at(first, 0), v_turned_panels_, false, s);
      for (int64_t i = 0; i < rows; ++i)
        slopes_of_row(p.data + i * stride_, s.data + i * stride_, logs[first + i],
                      block.seen(first + i), keys);
      multiply_panels<C>(rows, depth_, keys, {s.data, stride_, 1}, k_panels_, false,
                         {dq_ + first * deep_, deep_, 1});
    });
    strips_of_keys(block, [&](int64_t first, int64_t keys, int64_t row) {
      auto columns = [&](const C* of) {
        return Matrix<const C>{of + row * stride_ + first, 1, stride_};
      };
      auto below = [row](Panels<C> b) { return Panels<C>{b.data + row * b.row, b.step, b.row}; };
      multiply_panels<C>(keys, width_, block.rows - row, columns(weights_), below(g_panels), true,
                         {dv() + first * wide_, wide_, 1});
      multiply_panels<C>(keys, depth_, block.rows - row, columns(slopes_), below(q_panels), true,
                         {dk() + first * deep_, deep_, 1});
    });
  }

  C* dq() { return dq_; }
  C* dk() { return sums_; }
  C* dv() { return sums_ + keys_ * deep_; }
  int64_t deep() const { return deep_; }
  int64_t wide() const { return wide_; }

 private:
  // From scores p and products s of one row.
  void slopes_of_row(C* p, C* s, C log, int64_t seen, int64_t keys) const {
    const int64_t end = fill_group(p, seen, -static_cast<C>(math::kInfinity));
    fill_group(s, seen, C());
    const C level = weigh(p, s, log, end);
#pragma GCC ivdep
    for (int64_t j = 0; j < end; ++j) s[j] = scale_ * p[j] * (s[j] - level);
    std::fill(p + seen, p + std::max(seen, keys), C());
    std::fill(s + seen, s + std::max(seen, keys), C());
  }
  // p = exp(p - log); returns the sum of p s.
  static C weigh(C* p, const C* s, C log, int64_t n) {
#pragma GCC ivdep
    for (int64_t j = 0; j < n; ++j) p[j] = math::exp(p[j] - log);
    return sum_of<C>(n, [&](int64_t j) { return p[j] * s[j]; });
  }

  int64_t keys_, depth_, width_, deep_, wide_, stride_;
  C scale_;
  Scratch<C> k_room_, v_room_, k_turned_, v_turned_, k_, q_, g_, weights_, slopes_, sums_, dq_;
  Panels<C> k_turned_panels_, v_turned_panels_, k_panels_;
};

void attention_backward_cpu(const Tensor& dquery, const Tensor& dkey, const Tensor& dvalue,
                            const Tensor& dout, const Tensor& logs, const Tensor& query,
                            const Tensor& key, const Tensor& value, double scale, bool causal) {
  in_compute_type(query.dtype(), "attention", [&]<class C>(C) {
    const Heads q(query), k(key), v(value), g(dout), dq(dquery), dk(dkey), dv(dvalue);
    const Blocks blocks(q.rows, k.rows, causal);
    const int64_t work = 2 * q.rows * k.rows * (q.cols + v.cols) + kHeadWork;
    parallel_for(0, logs.numel() / q.rows, kTaskWork / work, [&](int64_t from, int64_t to) {
      HeadBackward<C> backward(q, k, v, blocks, scale);
      Scratch<C> q_room(q.room<C>(blocks.rows())), g_room(g.room<C>(blocks.rows()));
      for (int64_t head = from; head < to; ++head) {
        backward.begin(k, v, head);
        for (int64_t b = 0; b < blocks.count(); ++b) {
          check_interrupt();
          const Block block = blocks[b];
          backward.add(block, g.read<C>(head, block.first, block.rows, g_room),
                       logs.data<C>() + head * q.rows + block.first,
                       q.read<C>(head, block.first, block.rows, q_room));
          dq.write<C>(head, block.first, block.rows, backward.dq(), backward.deep());
        }
        dk.write<C>(head, 0, k.rows, backward.dk(), backward.deep());
        dv.write<C>(head, 0, v.rows, backward.dv(), backward.wide());
      }
    });
  });
}
CPU_KERNEL(attention_backward, attention_backward_cpu)

}  // namespace
}  // namespace fb::inline FB_CPU_NAMESPACE
