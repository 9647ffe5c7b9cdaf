#pragma once

#include <cstdint>
#include <limits>

#include "kernels/isa/kernel_table.h"

namespace mmoe {

// Which table each worker of a parallel region computes with. Mostly it is one for all of them. Where cores share a unit, as
// those of a cluster share SME2's, as many workers as there are units use it and the others compute with a second table
// meanwhile. Tables give the same bits, so whoever is free takes the next task.
class KernelSet {
 public:
  static constexpr int kMostKinds = 2;

  // The same table for all workers; implicit, because a table is a set wherever one is asked for.
  KernelSet(const KernelTable& all) : KernelSet(all, 0, all) {}

  // Workers 0..count-1 have `first`, `others` is that of the rest.
  KernelSet(const KernelTable& first, int count, const KernelTable& others)
      : tables_{&first, &others}, first_workers_(count), kinds_(&first == &others ? 1 : 2) {}

  // The same for a region of so many workers.
  KernelSet Among(int workers) const { return workers <= first_workers_ ? KernelSet(first()) : *this; }

  const KernelTable& ForWorker(int worker) const { return OfKind(KindOf(worker)); }

  // Worker 0's, for stages that run on no shared unit: there any worker may compute with any table.
  const KernelTable& first() const { return OfKind(0); }

  // Workers with the same table are of one kind, 0..kinds()-1.
  int kinds() const { return kinds_; }
  int KindOf(int worker) const { return kinds_ == 1 || worker < first_workers_ ? 0 : 1; }
  const KernelTable& OfKind(int kind) const { return *tables_[kind]; }

  // Most rows of a task: workers of unequal speed need short tasks to finish together, equal ones need no bound.
  int64_t TaskRows(int64_t if_mixed) const {
    return kinds_ == 1 ? std::numeric_limits<int64_t>::max() : if_mixed;
  }

 private:
  const KernelTable* tables_[kMostKinds];
  int first_workers_;
  int kinds_;
};

}  // namespace mmoe
