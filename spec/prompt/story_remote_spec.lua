local host = require "support.host"
local kavach = require "kavach"
local program = require "support.program"
local story = require "support.story"

describe("at the prompt of a host elsewhere", function()
  local folder, remove, serving, open

  before_each(function()
    folder, remove = host.folder()
    assert(os.execute("chmod 700 " .. folder))
    open = {}
  end)
  after_each(function()
    for _, s in ipairs(open) do s:close() end
    if serving then serving:close() end
    serving = nil
    remove()
  end)

  local function start(words, code)
    if code then host.write(folder .. "/script.lua", code) end
    serving = assert(kavach.process.start({ "env", "XDG_RUNTIME_DIR=" .. folder,
      "XDG_STATE_HOME=" .. folder .. "/state", program.absolute, table.unpack(words) },
      { stderr = "stdout" }))
    return serving:read()
  end

  local function connect(where)
    open[#open + 1] = story.open {
      words = "repl --connect " .. where, prompt = ("kavach %d> "):format(serving:pid()),
      folder = folder,
    }
    return open[#open]
  end

  it("two operators work side by side, and one who leaves breaks nothing", function()
    local path = folder .. "/host.sock"
    assert.equal(path .. "\n", start { "serve", "--no-sandbox", "--socket", path })
    local one, two = connect(path), connect(tostring(serving:pid()))
    local prompt = one.prompt
    one:tell((([[
kavach …, in process …. .help explains, Tab completes, Ctrl-D leaves.
PROMPT> shared, mine = 1, kavach.spawn(kavach.sleep, 60000)
PROMPT> local own = "of one"
PROMPT> print("to", "me") io.write("and ", "me\n")
to      me
and me
PROMPT> io.stdout:setvbuf "no"
true
PROMPT> 2 * io.read "n"
21                                      ⟵ '21' Enter
42
PROMPT> .jobs
nothing runs in the background
PROMPT>
]]):gsub("PROMPT> ?", prompt)))
    two:tell((([[
kavach …, in process …. .help explains, Tab completes, Ctrl-D leaves.
PROMPT> shared + 1, own
2  nil
PROMPT> while true do end
⟵ <spins> C-c
(2):1: interrupted!
PROMPT> 'and here'
"and here"
PROMPT>
]]):gsub("PROMPT> ?", prompt)))
    one:tell((([[
PROMPT>                                 ⟵ C-d
a task would end: leave? [y/N] y        ⟵ y Enter
left with 0
]]):gsub("PROMPT> ?", function() return prompt end)))
    two:tell((([[
PROMPT> mine
task …: cancelled, spawned …
PROMPT>
]]):gsub("PROMPT> ?", prompt)))
    serving:kill(9)
    two.tmux:with "kavach: the host has ended"
    two.tmux:with "left with 1"
  end)

  it("one is told why there is none", function()
    start({ folder .. "/script.lua" }, [[
      local kavach = require "kavach"
      require "kavach.prompt.remote"
      kavach.control.register("prompt", { params = { terminal = "string" }, run = function()
        return nil, require "kavach.err".new("io", "no prompts today")
      end })
      assert(kavach.control.listen())
      print "up" io.stdout:flush()
      kavach.sleep(60000)
    ]])
    local s = connect(tostring(serving:pid()))
    s.tmux:with "kavach: repl: no prompts today\nleft with 1"
  end)

  it("one looks inside a batch that runs, and steers it", function()
    local first = start({ "batch", folder .. "/script.lua" }, [[
      local kavach = require "kavach"
      local batch = kavach.batch { name = "naps", jobs = 2, sandbox = false }
      for i = 1, 4 do
        batch:job { id = "nap-" .. i, command = "echo lies down; "
          .. "until [ -e ]] .. folder .. [[/wake ]; do sleep 0.05; done" }
      end
      return batch
    ]])
    local s = connect(tostring(serving:pid()))
    s.tmux:with(s.prompt:gsub(" $", ""))
    s:tell((([[
kavach …, in process …. .help explains, Tab completes, Ctrl-D leaves.
PROMPT> .jobs
batch naps: 0 done, 4 left
  JOB    AGE  ATTEMPT  LAST LINE
  nap-1  …  1        lies down
  nap-2  …  1        lies down
PROMPT> batch
batch naps: 4 jobs, …
PROMPT> #batch:ids(), batch.schedule:set_jobs(1)
4
PROMPT> .quit
left with 0
]]):gsub("PROMPT> ?", s.prompt)))
    assert.matches("naps", first)
    host.write(folder .. "/wake", "")
    assert.equal(0, serving:wait().exit_code)
  end)
end)
