local host = require "support.host"
local program = require "support.program"
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

  it("one is told what went wrong, and goes on", function()
    s = story.open()
    s:tell [[
kavach … .help explains, Tab completes, Ctrl-D leaves.
kavach> x = = 1
unexpected symbol near '='
kavach> function f(t) return t.a.b end
kavach> f {}
(2):1: attempt to index a nil value (field 'a')
kavach> kavach.process.exec { "nonesuch" }
nil  error exec_failed: nonesuch: No such file or directory [exec]
kavach> kavach.process.exec { comand = 1 }
…
kavach> .pss
there is no command .pss (did you mean .ps?); .help lists them
kavach>
]]
  end)

  it("one is rid of what spins, though the front end was killed", function()
    s = story.open { before = function(folder)
      host.write(folder .. "/script.lua", "function spin() while true do end end")
      return "-i " .. folder .. "/script.lua"
    end }
    s:tell [[
kavach … .help explains, Tab completes, Ctrl-D leaves.
kavach> spin()
⟵ <spins>
]]
    local function comm(pid) return host.slurp("/proc/" .. pid .. "/comm") or "" end
    local own
    for _, pid in ipairs(host.processes(s.folder .. "/script.lua")) do
      if comm(pid) == "kavach\n" then own = pid end
    end
    for child in host.slurp(("/proc/%d/task/%d/children"):format(own, own)):gmatch "%d+" do
      if comm(child) == "prompt\n" then assert(os.execute("kill -9 " .. child)) end
    end
    -- The keys are its own until it is dead.
    assert.is_true(host.eventually(function() return #host.dead_children(own) == 1 end))
    s.tmux:keys "C-c"
    assert.is_true(host.eventually(function() return comm(own) == "" end))
  end)

  it("one leaves a script whose task waits where Lua cannot yield", function()
    s = story.open { before = function(folder)
      host.write(folder .. "/script.lua", [[
        local kavach = require "kavach"
        kavach.spawn(table.sort, { 2, 1 }, function() kavach.sleep(60000) end)
      ]])
      return "-i " .. folder .. "/script.lua"
    end }
    s:tell [[
kavach … .help explains, Tab completes, Ctrl-D leaves.
kavach> 1 + 1
2
kavach>                                 ⟵ C-d
what the script does would end: leave? [y/N] y  ⟵ y Enter
left with 0
]]
  end)

  it("one interrupts what spins, and what waits", function()
    s = story.open()
    s:tell [[
kavach … .help explains, Tab completes, Ctrl-D leaves.
kavach> while true do end
⟵ <spins> C-c
(1):1: interrupted!
kavach> kavach.sleep(60000)
⟵ <spins> C-c
interrupted
kavach> kavach.process.exec { "sleep", "60" }
⟵ <spins> C-c
interrupted
kavach> table.sort({ 2, 1 }, function() kavach.sleep(60000) end)
⟵ <spins> C-c
interrupted
kavach> "still here"
"still here"
kavach> never entered^C                 ⟵ 'never entered' C-c
kavach> ^C                              ⟵ C-c
(Ctrl-D or .quit leaves)
kavach>
]]
  end)

  it("one is asked, and answers", function()
    s = story.open()
    s:tell [[
kavach … .help explains, Tab completes, Ctrl-D leaves.
kavach> name = io.read()
web                                     ⟵ 'web' Enter
kavach> name
"web"
kavach> io.write "how many? " return io.read "n" + io.read "n"
how many?
20                                      ⟵ '20' Enter
22                                      ⟵ '22' Enter
42
kavach>
]]
  end)

  it("one completes names, and asks what they are", function()
    s = story.open()
    s:tell [[
kavach … .help explains, Tab completes, Ctrl-D leaves.
kavach> kavach.version                  ⟵ 'ka' Tab '.ver' Tab Enter
"…"
kavach> .trace                          ⟵ '.tr' Tab Enter
there was no error
kavach> kavach.now?
kavach.now() -> integer

Milliseconds, on a clock that never goes back.

Example:
  local begun = kavach.now()
  print(kavach.now() - begun)
kavach> .kill?
.kill ID|N
End a sandbox, or the background job of that number.
kavach>
]]
  end)

  it("one works on while others do, and hears of their end", function()
    s = story.open()
    s:tell [[
kavach … .help explains, Tab completes, Ctrl-D leaves.
kavach> HOME = os.getenv "HOME"
kavach> function steep() repeat kavach.sleep(5) until io.open(HOME .. "/over") end
kavach> & steep() return "tea"
[1] steep() return "tea"
kavach>
]]
    s.tmux:type "half of a line"
    s.tmux:ends "kavach> half of a line"
    host.write(s.folder .. "/over", "")
    s.expected[6] = '[1] done in … s  steep() return "tea": "tea"'
    s.expected[7] = "kavach> half of a line"
    s:await(s.expected, true) -- it was told above the line
    s.tmux:keys("C-u", "_", "Enter")
    s.expected[7] = "kavach> _"
    s:tell [[
"tea"
kavach>
]]
  end)

  it("one finds what was entered before, the next day, too", function()
    s = story.open()
    s:tell [[
kavach … .help explains, Tab completes, Ctrl-D leaves.
kavach> x = 41
kavach> for i = 1, 2 do                 ⟵ 'for i = 1, 2 do' Enter
  x = x + 1                             ⟵ '  x = x + 1' Enter
end                                     ⟵ 'end' Enter
kavach>  "secret"
"secret"
kavach> .quit
left with 0
]]
    s:again()
    s:tell [[
kavach … .help explains, Tab completes, Ctrl-D leaves.
kavach> x = 0
kavach> for i = 1, 2 do                 ⟵ Up Up Up Enter
  x = x + 1
end
kavach> x
2
kavach> x = 41                          ⟵ C-r '41' Enter
kavach>
]]
  end)

  it("one pastes forty lines, which are one entry and do not run before Enter", function()
    s = story.open()
    s:tell [[
kavach … .help explains, Tab completes, Ctrl-D leaves.
kavach> sum = 0
]]
    local lines = {}
    for i = 1, 40 do lines[i] = ("sum = sum + %d -- line %d"):format(i, i) end
    s.tmux:with "kavach> sum = 0\nkavach>"
    s.tmux:paste(table.concat(lines, "\n"))
    s.tmux:with "-- line 40"
    s.tmux:keys "Enter"
    s.expected[3] = "kavach> " .. lines[1]
    table.move(lines, 2, 40, 4, s.expected)
    s:tell [[
kavach> sum
820
kavach>
]]
  end)

  it("one keeps what one has entered, and loads it again", function()
    s = story.open()
    s:tell [[
kavach … .help explains, Tab completes, Ctrl-D leaves.
kavach> function double(n) return 2 * n end
kavach> count = (count or 0) + 1
kavach> .save ~/mine.lua
2 entries are in …/mine.lua
kavach> .save ~/mine.lua
…/mine.lua is there already: .save -f writes over it
kavach> .load ~/mine.lua
kavach> .reload
loaded …/mine.lua
kavach> double(count)
6
kavach> .load ~/none.lua
cannot open …/none.lua: No such file or directory
kavach> .time kavach.sleep(20)
2….… ms, of which this process computed …
kavach>
]]
  end)

  it("one watches a value, until one has seen enough", function()
    s = story.open()
    s:tell [[
kavach … .help explains, Tab completes, Ctrl-D leaves.
kavach> n = 0
kavach> function up() n = n + 1 return "up to " .. n end
kavach> .watch 0.1 up()
]]
    s.tmux:with '"up to 5"'
    s.tmux:keys "C-c"
    s:tell [[
"up to …"
interrupted
kavach>
]]
  end)

  it("one has a script's globals and tasks, which go on", function()
    s = story.open { before = function(folder)
      host.write(folder .. "/script.lua", [[
        local kavach = require "kavach"
        print("the script has", ...)
        ticks = 0
        kavach.spawn(function() while true do kavach.sleep(10) ticks = ticks + 1 end end)
        kavach.spawn(function() while not lost do kavach.sleep(10) end error "lost" end)
      ]])
      return "-i " .. folder .. "/script.lua two words"
    end }
    s:tell [[
the script has…two…words
kavach … .help explains, Tab completes, Ctrl-D leaves.
kavach> lost = true
]]
    s.tmux:with "a task failed"
    s:tell [[
a task failed: …script.lua:5: lost
kavach> before = ticks
kavach> kavach.sleep(100)
kavach> ticks > before
true
kavach>                                 ⟵ C-d
what the script does would end: leave? [y/N] y  ⟵ y Enter
left with 0
]]
  end)

  it("one tries a policy on the evidence of a host", function()
    s = story.open { rows = 120, columns = 100, before = function(folder)
      local made = { program.run("emulator", "init", folder .. "/platform", "--product", "genoa") }
      assert.equal(0, made[1], made[3])
      local code, bytes, errors = program.run("emulator", "report", folder .. "/platform",
        "--report-data", ("ab"):rep(64))
      assert.equal(0, code, errors)
      host.write(folder .. "/evidence.json", bytes)
      return ""
    end }
    s.tmux:with "kavach>"
    s.tmux:type("evidence = assert(kavach.attest.load '" .. s.folder .. "/evidence.json')\r")
    s.tmux:type "decision = kavach.attest.verify(evidence, kavach.policy.strict())\r"
    s.tmux:type "decision.allow\r"
    s.tmux:with "\nfalse\n"
    s.tmux:type "decision\r"
    local shown = s.tmux:with "checks passed"
    assert.matches("why +simulated root not allowed", shown)
    s.tmux:type "kavach.report.parse(evidence.report)\r"
    s.tmux:with "0x30000  SMT, ABI 0.0"
  end)

  it("one stops it for a while, and comes back", function()
    s = story.open { shell = true }
    s.tmux:with "kavach>"
    s.tmux:type "x = 41\r"
    s.tmux:type "half of a line"
    s.tmux:with "kavach> half of a line"
    s.tmux:keys "C-z"
    s.tmux:ends "shell%%"
    s.tmux:type "echo in the $((1 + 1))nd\r"
    s.tmux:with "in the 2nd"
    s.tmux:type "fg\r"
    s.tmux:ends "kavach> half of a line"
    s.tmux:keys("C-u", "x", "Enter")
    s.tmux:with "kavach> x\n41\nkavach>"
    s.tmux:type "kavach.sleep(60000)\r"
    s.tmux:ends ".* s"
    s.tmux:keys "C-z"
    s.tmux:ends "shell%%"
    s.tmux:type "echo in the $((1 + 2))rd\r"
    s.tmux:with "in the 3rd"
    s.tmux:type "fg\r"
    s.tmux:ends ".* s"
    s.tmux:keys "C-c"
    s.tmux:with "interrupted\nkavach>"
  end)

  it("one leaves, and is asked if something would end", function()
    s = story.open()
    s:tell [[
kavach … .help explains, Tab completes, Ctrl-D leaves.
kavach> & kavach.sleep(60000)
[1] kavach.sleep(60000)
kavach>                                 ⟵ C-d
a job would end: leave? [y/N] n         ⟵ n Enter
kavach> .quit
a job would end: leave? [y/N] y         ⟵ y Enter
left with 0
]]
  end)
end)
