local complete = require "kavach.prompt.complete"
local host = require "support.host"
local kavach = require "kavach"

local function raise() error "user code was run" end

-- The choices for a text that ends at "|", and what they take the place of.
local function at(text, globals, more)
  globals = globals or {}
  local list = { "print", "pairs", "string" }
  for name in pairs(globals) do list[#list + 1] = name end
  local scope = {
    global = function(name) return globals[name] or rawget(_G, name) end,
    names = function() return list end,
    commands = {
      attach = { arguments = "sandbox" }, stop = { arguments = "running" }, ps = {},
      load = { arguments = "file" }, type = { arguments = "expression" },
    },
    sandboxes = function() return { "web", "box-2", "box-1" } end,
    jobs = function() return { 1, 2, 13 } end,
  }
  for key, value in pairs(more or {}) do scope[key] = value end
  local before, behind = text:match "^(.-)|(.*)$"
  local start, choices = complete.at(before .. behind, #before, scope)
  return choices, before:sub(#before - start + 1), before:sub(1, #before - start)
end

local function first(text, globals) return (at(text, globals)) end

describe("completion", function()
  it("offers globals, kept names and keywords, in order", function()
    assert.same({ "pairs", "print" }, first "p|")
    local choices, taken = at "x = { f(pr|int) }"
    assert.same({ { "print" }, "pr" }, { choices, taken })
    assert.same({ "repeat", "resume", "return" }, first("re|", { resume = 1, ["re-x"] = 1 }))
    assert.same({ "print" }, first "& pr|")
    assert.same({ "print" }, first "= pr|")
  end)

  it("offers nothing in comments, numbers and names that are new", function()
    for _, text in ipairs { "-- p|", "--[[ p|", "--|", "5|", "x = 0x|", "local p|", "goto p|",
      "local function p|", "'\\|" } do
      assert.same({}, first(text), text)
    end
    assert.same({ "pairs", "print" }, first "--[[ x ]] p|")
    assert.same({ "pairs", "print" }, first "-- x\np|")
  end)

  it("offers fields along chains of names and literal keys", function()
    local globals = { a = { b = { { cd = 1, ce = 2, ["c f"] = 3, [1] = 4 } } }, s = "text" }
    assert.same({ "cd", "ce" }, first("a.b[1].|", globals))
    assert.same({ "ce" }, first("f(a['b'][ 1 ].ce|", globals))
    assert.same({ "cd" }, first("a\n.b[1] . cd|", globals))
    assert.same({ "rep", "reverse" }, first("s:re|", globals))
    assert.same({ "rep", "reverse" }, first "('x'):re|")
    assert.same({ "c f", "cd", "ce" }, first("a.b[1]['|", globals))
    for _, text in ipairs { "a.x.|", "nothing.|", "a.b[i].|", "a.b[1 + 0].|", "f().|" } do
      assert.same({}, first(text, globals), text)
    end
    assert.same({ "pairs", "print" }, first("a..p|", globals))
  end)

  it("offers methods behind ':', of tables behind `__index` too", function()
    local base = { close = print, name = "x" }
    local box = setmetatable({ id = 1 }, { __index = setmetatable({ exec = print, __gc = print },
      { __index = base }) })
    assert.same({ "close", "exec" }, first("box:|", { box = box }))
    assert.same({ "close", "exec", "id", "name" }, first("box.|", { box = box }))
    assert.same({ "__gc" }, first("box.__|", { box = box }))
    assert.same({ "write" }, first "io.stdout:wr|")
    local closed = setmetatable({}, { __index = { a = 1 }, __metatable = false })
    assert.same({ "a" }, first("closed.|", { closed = closed }))
  end)

  it("runs nothing, and takes no harm of hostile values", function()
    local hostile = setmetatable({ fine = 1, ["\27[2J"] = 2, ["end"] = 3, [print] = 4 }, {
      __index = raise, __pairs = raise, __len = raise, __tostring = raise, __name = {},
      __eq = raise, __metatable = "closed", __call = raise, __close = raise,
    })
    assert.same({ "fine" }, first("x.|", { x = hostile }))
    assert.same({}, first("x.y.|", { x = hostile }))
    local circle = {}
    setmetatable(circle, { __index = circle, __name = "kavach.Nothing" })
    circle.a = circle
    assert.same({ "a" }, first("x.a.|", { x = circle }))
    for _, text in ipairs { "x{ a|", "x:y{ a|", "x['|", "x.y 'a|", "assert(x).|", "x():|" } do
      first(text, { x = hostile })
    end
  end)

  it("takes time in proportion to hostile text", function()
    local deep = 1 << 15
    assert.same({}, first(("assert("):rep(deep) .. "'x'" .. (")"):rep(deep) .. ":|"))
    assert.same({ "rep", "reverse" }, first "assert(assert('x')):re|")
    for _, piece in ipairs { "{", "(", "a.", "assert(", "a[1]", "a{}.", "f'x'", "[[", "{a=",
      ".load aa" } do
      for _, last in ipairs { "", ".", '"', "a" } do
        local begun = os.clock()
        first(piece:rep((1 << 17) // #piece) .. last .. "|")
        assert.is_true(os.clock() - begun < 10, piece .. last)
      end
    end
  end)
end)

describe("completion of kavach's API", function()
  local globals = { kavach = kavach, require = require }

  it("knows parts that are not loaded, and what there is in them", function()
    rawset(kavach, "policy", nil)
    assert.same({ "load" }, first("kavach.policy.lo|", globals))
    assert.same({ "policy", "pool" }, first("kavach['po|", globals))
    assert.is_nil(rawget(kavach, "policy"))
    assert.same({ "sandbox" }, first("kavach.sa|", globals))
    assert.same({ "exec" }, first("kavach.process.e|", globals))
    assert.same({ "init" }, first("kavach.attest.emulator.i|", globals))
    assert.same({ "list" }, first("t.l|", { t = kavach.template }))
  end)

  it("offers the options of the function that is called, but for those that are there", function()
    for text, expected in pairs {
      ["kavach.sandbox{ memo|"] = { "memory_limit_mb = " },
      ["kavach.sandbox({ cpu_limit = 1, me|"] = { "measured = ", "memory_limit_mb = " },
      ["kavach.sandbox{ memory_limit_mb = 1, me|"] = { "measured = " },
      ["kavach.sandbox{ me|, memory_limit_mb = f{ measured = 1 } }"] = { "measured = " },
      ["kavach.sandbox{ memo| = 1 }"] = { "memory_limit_mb" },
      ["local box <close> = assert(kavach.sandbox { network = { en|"] = { "enabled = " },
      ["kavach.sandbox{ mounts = { { source = '/', t|"] = { "target = " },
      ["kavach.sandbox{ guest_policy = { smt|"] = { "smt_allowed = " },
      ["kavach.batch{ sandbox = { memo|"] = { "memory_limit_mb = " },
      ["kavach.batch{ name = 'x', ret|"] = {
        "retries = ", "retry_delay_ms = ", "retry_if = ", "retry_max_ms = " },
      ["kavach.batch{}:job { id = 'x', ne|"] = { "needs = " },
      ["kavach.process.exec({ 'x' }, { cw|"] = { "cwd = " },
      ["kavach.measure { mod|"] = { "mode = " },
      ["kavach.map(list, { c|"] = { "concurrency = " },
      ["kavach.sandbox{ env = f{ function() local a, pri|"] = { "print" },
      ["kavach.sandbox{ cpu_limit = pri|"] = { "print" },
      ["kavach.sandbox{ zzz|"] = {},
    } do
      assert.same(expected, first(text, globals), text)
    end
  end)

  it("offers the strings that a value may be", function()
    for text, expected in pairs {
      ['kavach.sandbox{ backend = "t|'] = { "tcg" },
      ["kavach.sandbox { network = {}, confidential = '|"] = { "preferred", "required" },
      ["kavach.attest.verify(e, 'st|"] = { "strict" },
      ["kavach.policy.named 'de|"] = { "development" },
      ["kavach.doctor { backend = 'k|"] = { "kvm" },
    } do
      assert.same(expected, first(text, globals), text)
    end
  end)

  it("knows values by their metatable's name, and results by what functions return", function()
    local box = setmetatable({}, { __name = "kavach.Sandbox" })
    local with = { box = box, kavach = kavach, sandbox = kavach.sandbox }
    for text, expected in pairs {
      ["box:ex|"] = { "exec" }, ["box:exec({ 'x' }, { time|"] = { "timeout_ms = " },
      ["box.con|"] = { "confidential" }, ["kavach.sandbox{}:pa|"] = { "pause" },
      ["assert(box:exec 'x').std|"] = { "stderr", "stderr_truncated", "stdout",
        "stdout_truncated" },
      ["sandbox{ memo|"] = { "memory_limit_mb = " }, ["kavach.spawn(print):aw|"] = { "await" },
    } do
      assert.same(expected, first(text, with), text)
    end
  end)
end)

describe("completion of file names", function()
  local folder, remove

  before_each(function()
    folder, remove = host.folder()
    for _, name in ipairs { "/a file", "/.hidden", "/b'c", "/c\27d", "/\xff" } do
      assert(io.open(folder .. name, "w")):close()
    end
    require("lfs").mkdir(folder .. "/afolder")
  end)
  after_each(function() remove() end)

  it("is there in strings, with '/' behind folders, and hidden ones only if asked for", function()
    local choices, taken, before = at("f('" .. folder .. "/a|")
    assert.same({ { "a file", "afolder/" }, "a" }, { choices, taken })
    assert.equal("f('" .. folder .. "/", before)
    assert.same({ "a file", "afolder/" }, first("f('" .. folder .. "/|"))
    assert.same({ ".hidden" }, first("f[[" .. folder .. "/.|"))
    assert.same({}, first("f('" .. folder .. "/none/|"))
    assert.same({ "lua/" }, first "f('lu|")
  end)

  it("knows the home folder", function()
    local found = first "f('~/|"
    assert.same(first(("f('%s/|"):format(os.getenv "HOME")), found)
  end)
end)

describe("completion of commands", function()
  it("offers their names where a line begins with a dot", function()
    local choices, taken = at " .at|"
    assert.same({ { ".attach " }, ".at" }, { choices, taken })
    assert.equal(5, #first ".|")
    assert.same({}, first "x = .at|")
  end)

  it("offers what they take", function()
    for text, expected in pairs {
      [".attach |"] = { "box-1", "box-2", "web" }, [".attach b|"] = { "box-1", "box-2" },
      [".stop 1|"] = { "1", "13" }, [".stop w|"] = { "web" }, [".load lu|"] = { "lua/" },
      [".type pr|"] = { "print" },
      [".ps |"] = {}, [".none |"] = {}, [".attach web b|"] = {},
    } do
      assert.same(expected, first(text), text)
    end
  end)
end)
