local heap = require "kavach.batch.heap"

describe("a heap", function()
  it("gives its numbers from the lowest on, in whichever order they came", function()
    for count = 0, 40 do
      local made, want, got = {}, {}, {}
      for i = 1, count do
        want[i] = i * 17 % 23 -- some are there twice
        heap.push(made, want[i])
      end
      table.sort(want)
      while made[1] do got[#got + 1] = heap.pop(made) end
      assert.same(want, got)
    end
  end)
end)
