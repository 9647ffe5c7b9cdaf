#include "kernels/moe/dispatch.h"

#include <algorithm>

namespace mmoe {

void DispatchTokens(const int32_t* selected, int64_t tokens, int64_t top_k, int64_t experts,
                    int64_t most_rows, Dispatch& dispatch) {
  const int64_t assignments = tokens * top_k;
  int32_t* begin = dispatch.expert_begin;
  for (int64_t e = 0; e <= experts; ++e) begin[e] = 0;
  for (int64_t a = 0; a < assignments; ++a) ++begin[selected[a] + 1];
  dispatch.num_runs = 0;
  for (int64_t e = 0; e < experts; ++e) {
    begin[e + 1] += begin[e];
    for (int64_t row = begin[e]; row < begin[e + 1];) {
      const int64_t end = row + std::min<int64_t>(begin[e + 1] - row, most_rows);
      dispatch.runs[dispatch.num_runs++] = {static_cast<int32_t>(e), static_cast<int32_t>(row),
                                            static_cast<int32_t>(end)};
      row = end;
    }
  }
  for (int64_t a = 0; a < assignments; ++a) {
    const int32_t row = begin[selected[a]]++;  // begin[e] moves on to the end of expert e ...
    dispatch.row_token[row] = static_cast<int32_t>(a / top_k);
    dispatch.assignment_row[a] = row;
  }
  for (int64_t e = experts; e > 0; --e)
    begin[e] = begin[e - 1];  // ... which is the beginning of expert e + 1
  begin[0] = 0;
}

}  // namespace mmoe
