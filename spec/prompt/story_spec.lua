local story = require "support.story"

-- Each is a transcript of a terminal: see support.story.
describe("at the prompt", function()
  local s
  after_each(function()
    s:close()
    s = nil
  end)

  it("one calculates, and goes on with what came of it", function()
    s = story.open()
    s:tell [[
kavach … .help explains, Tab completes, Ctrl-D leaves.
kavach> 6 * 7
42
kavach> _ + 1
43
kavach> "a", { b = 2, 10, 20 }
"a"  { 10, 20, b = 2 }
kavach> _2.b
2
kavach> local function twice(n) return 2 * n end
kavach> twice(21)
42
kavach> for i = 1, 2 do             ⟵ 'for i = 1, 2 do' Enter
  print(i, twice(i))                ⟵ '  print(i, twice(i))' Enter
end                                 ⟵ 'end' Enter
1       2
2       4
kavach>
]]
  end)
end)
