// Blocks above the small sizes: pages mapped from the system, and a cache of those not in use.
// Nothing here locks: the allocator guards a cache by its mutex and maps outside of it.
#pragma once
#include <array>
#include <cstddef>

namespace fb {

// Pages from the system, aligned as asked for; nullptr where it has none to give. Ranges of
// kHugeBlock and more ask for huge pages.
void* map_pages(size_t bytes, size_t alignment) noexcept;
void unmap_pages(void* pages, size_t bytes) noexcept;

// A size class: eight per power of two, so at most an eighth of a block is unused.
struct BlockClass {
  int index;
  size_t bytes;
};
constexpr size_t kSmallLimit = size_t{32} << 10;  // blocks are for requests above this
constexpr size_t kHugePage = size_t{2} << 20;
// In smaller blocks huge pages gain little, and in virtual machines whose free memory is with the
// host they take three times as long to get as small ones.
constexpr size_t kHugeBlock = size_t{16} << 20;
BlockClass block_class(size_t nbytes);

class BlockCache {
 public:
  // An unused block; the record lives in the block itself.
  struct Block {
    Block *newer, *older;  // by the time of release, over all classes
    Block *class_next, *class_previous;
    size_t bytes;
    int class_index;
  };

  // The block of this class released last (its lines are the likeliest to be in a cache), or
  // nullptr.
  void* take(BlockClass wanted) noexcept;
  void put(void* memory, BlockClass shape) noexcept;
  // Removes the oldest blocks until `keep` bytes remain. Returns them chained by `older`.
  Block* evict(size_t keep) noexcept;
  size_t bytes() const { return bytes_; }

 private:
  void unlink(Block* block) noexcept;

  static constexpr int kClasses = 8 * (64 - 15);
  std::array<Block*, kClasses> classes_{};
  Block *newest_ = nullptr, *oldest_ = nullptr;
  size_t bytes_ = 0;
};

// Gives a chain made by evict() back to the system; returns the number of bytes.
size_t unmap_chain(BlockCache::Block* chain) noexcept;

}  // namespace fb
