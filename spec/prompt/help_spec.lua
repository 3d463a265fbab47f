local annotations = require "kavach.prompt.annotations"
local help = require "kavach.prompt.help"
local width = require "kavach.width"

local function option(of, name)
  for _, each in ipairs(of.options) do
    if each.name == name then return each end
  end
end

describe("the annotations, as text", function()
  it("are read into classes with fields, functions and examples", function()
    local classes = {}
    annotations.read([[
---First line
---and second.
---
---More.
---
---```lua
---print(1)
---```
---@class t.One: t.Zero
---@field a? "x"|"y z" text; default "x":
--- goes on
---@field b { c: integer?, d: fun(e: string): boolean, string? }[] list
local One = {}

---Does it.
---@param f string|string[] what
---@param g? t.One
---@return boolean? done whether
---@return string why
---@see t.One
function One:run(f, g) end

function One.plain() end

---@class t.Two
---@overload fun(h: string, i: t.One?): t.One?, string
local Two = {}
]], classes)
    local one = classes["t.One"]
    assert.same({ "t.Zero", "First line and second.", "print(1)" },
      { one.base, one.summary, one.example })
    assert.same({
      { name = "a", type = '"x"|"y z"', optional = true, text = 'text; default "x": goes on' },
      { name = "b", type = "{ c: integer?, d: fun(e: string): boolean, string? }[]",
        optional = false, text = "list" },
    }, one.fields)
    local run = one.members.run
    assert.same({ true, "Does it.", { "t.One" } }, { run.method, run.summary, run.see })
    assert.same({
      { name = "f", type = "string|string[]", optional = false, text = "what" },
      { name = "g", type = "t.One", optional = true, text = "" },
    }, run.params)
    assert.same({ { type = "boolean?", text = "done whether" }, { type = "string", text = "why" } },
      run.returns)
    assert.is_false(one.members.plain.method)
    local call = classes["t.Two"].call
    assert.same({ "string", "t.One", true },
      { call.params[1].type, call.params[2].type, call.params[2].optional })
    assert.same({ "t.One?", "string" }, { call.returns[1].type, call.returns[2].type })
  end)

  it("are read in no time", function()
    local begun = os.clock()
    local classes = {}
    for path in io.popen("ls lua/kavach/meta/*.lua"):lines() do
      local file <close> = assert(io.open(path))
      annotations.read(file:read "a", classes)
    end
    assert.is_not_nil(classes.kavach)
    assert.is_true(os.clock() - begun < 0.15) -- ten times what it takes
  end)
end)

describe("help", function()
  it("has a function's signature, a sentence, its options, and an example", function()
    local found = assert(help.of "kavach.sandbox")
    assert.equal("kavach.sandbox(options?) -> kavach.Sandbox?, kavach.Error?", found.signature)
    assert.matches("^Starts a sandbox", found.summary)
    assert.matches("kavach.sandbox {", found.example, 1, true)
    assert.same({ "kavach.Sandbox" }, found.see)
    assert.same({ name = "backend", type = '"auto"|"sev-snp"|"kvm"|"tcg"', default = '"auto"',
      text = "the best that really works here", required = false }, option(found, "backend"))
    assert.is_true(option(assert(help.of "kavach.attest.emulator.init"), "dir").required)
  end)

  it("tells defaults, and what is said beside them", function()
    local found = assert(help.of "kavach.batch")
    for name, expected in pairs {
      timeout_ms = { "0", "of one attempt, boot and copying too; 0: none" }, retries =
        { "0", "how often a job that fails is tried again" },
      retry_delay_ms = { "1000", "before the first retry; doubles with each. Of it a random part "
        .. "between a half and all" },
      joblog = { nil, "a file in GNU parallel's format" },
    } do
      local each = option(found, name)
      assert.same(expected, { each.default, each.text }, name)
    end
  end)

  it("is there for modules, parts, classes, methods, and things that can be called", function()
    for subject, signature in pairs {
      kavach = "kavach", ["kavach.Sandbox"] = "kavach.Sandbox",
      ["kavach.Sandbox:exec"] =
        "kavach.Sandbox:exec(command, options?) -> kavach.ExecResult?, kavach.Error?",
      ["kavach.Sandbox.state"] =
        'kavach.Sandbox.state() -> "created"|"running"|"paused"|"stopped"|"destroyed"',
      ["kavach.policy.load"] =
        "kavach.policy.load(path, options?) -> kavach.Policy?, kavach.Error?",
      ["kavach.measure"] = "kavach.measure(options) -> kavach.Measurement?, kavach.Error?",
      ["kavach.task"] = "kavach.Task", ["kavach.version"] = "kavach.version: string",
      sandbox = "kavach.sandbox(options?) -> kavach.Sandbox?, kavach.Error?",
      ["kavach.attest.emulator"] = "kavach.attest.emulator(dir) -> kavach.Emulator?, kavach.Error?",
    } do
      assert.equal(signature, assert(help.of(subject), subject).signature)
    end
    assert.equal("exec", help.of("kavach.process").members[1].name)
  end)

  it("names the nearest thing where there is none", function()
    for subject, near in pairs {
      ["kavach.sandbx"] = "kavach.sandbox", ["kavach.polcy.load"] = "kavach.policy.load",
      ["kavach.Sandbox:exc"] = "kavach.Sandbox:exec",
    } do
      assert.same({ nil, near }, { help.of(subject) })
      assert.same({ nil, near }, { help.text(subject, 80) })
    end
    assert.same({}, { help.of "nothing.like.any" })
    for _, odd in ipairs { "", ".", ":", "a.", ".a", ("x"):rep(100000), ("a."):rep(1 << 19) } do
      assert.is_nil((help.of(odd)))
    end
  end)

  it("is laid out in the columns that there are, but for examples", function()
    for _, columns in ipairs { 20, 40, 80, 200 } do
      local text = assert(help.text("kavach.sandbox", columns))
      for line in text:match("^(.*)Example:"):gmatch "[^\n]*" do
        assert.is_true(width.of(line) <= columns, line)
      end
    end
    assert.matches("\n  memory_limit_mb     integer, default 512\n",
      help.text("kavach.sandbox", 80), 1, true)
    assert.matches("\n  memory_limit_mb\n    integer, default\n",
      help.text("kavach.sandbox", 20), 1, true)
  end)
end)
