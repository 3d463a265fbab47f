--- A heap of numbers: heap[1] is the lowest.

local M = {}

---@param heap number[]
---@param number number
function M.push(heap, number)
  local at = #heap + 1
  while at > 1 and heap[at // 2] > number do
    heap[at] = heap[at // 2]
    at = at // 2
  end
  heap[at] = number
end

---Takes the lowest out; there must be one.
---@param heap number[]
---@return number
function M.pop(heap)
  local lowest, count = heap[1], #heap
  local last = heap[count]
  heap[count] = nil
  local at, child = 1, 2
  while child < count do
    if child + 1 < count and heap[child + 1] < heap[child] then child = child + 1 end
    if heap[child] >= last then break end
    heap[at] = heap[child]
    at, child = child, 2 * child
  end
  if count > 1 then heap[at] = last end
  return lowest
end

return M
