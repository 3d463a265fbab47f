local image = require "kavach.sandbox.image"

-- A file with these bytes; gone at the end of the test.
local made = {}
local function file(bytes)
  local path = os.tmpname()
  made[#made + 1] = path
  local f = assert(io.open(path, "wb"))
  f:write(bytes)
  f:close()
  return path
end

local function note(name, kind, value)
  local function padded(s) return s .. ("\0"):rep(-#s % 4) end
  return string.pack("<I4I4I4", #name, #value, kind) .. padded(name) .. padded(value)
end

-- The least of an ELF file (System V ABI, "ELF Header", "Program Header"), with a segment of notes.
-- `loads` are its other segments: where in memory, and of how many bytes.
local function elf(options)
  local notes, loads = options.notes or "", options.loads or {}
  local segments = {}
  for i, load in ipairs(loads) do
    segments[i] = string.pack("<I4I4I8i8i8I8i8I8", 1, 7, 0, load[1], load[1], 0, load[2], 4096)
  end
  return "\x7fELF" .. string.char(options.class or 2, 1, 1) .. ("\0"):rep(9)
    .. string.pack("<I2I2I4I8I8I8I4I2I2I2I2I2I2", 2, options.machine or 62, 1, 0, 64, 0, 0, 64,
      56, 1 + #loads, 0, 0, 0)
    .. string.pack("<I4I4I8I8I8I8I8I8", 4, 4, options.at or 120 + 56 * #loads, 0, 0,
      options.size or #notes, #notes, 4)
    .. table.concat(segments) .. notes
end

-- The head of a bzImage (Documentation/arch/x86/boot.rst of the kernel).
local function bzimage(version, start, size)
  return ("\0"):rep(0x202) .. "HdrS" .. string.pack("<I2", version) .. ("\0"):rep(0x50)
    .. string.pack("<i8I4", start, size) .. ("\0"):rep(100)
end

local PVH = note("Xen\0", 18, "\0\0\0\1")

describe("The guest's image", function()
  local initrd
  before_each(function() initrd = file "x" end)
  after_each(function()
    for _, path in ipairs(made) do os.remove(path) end
    made = {}
  end)

  local function kernel_error(path)
    local ok, why = image.check { kernel = path, initrd = initrd }
    if ok then return nil end
    assert.equal("creation_failed", why.kind)
    assert.matches(path, why.message, 1, true)
    return why.message
  end

  it("may have an ELF kernel with a PVH entry point, behind other notes too", function()
    assert.is_nil(kernel_error(file(elf { notes = PVH })))
    assert.is_nil(kernel_error(file(elf { notes = note("GNU\0", 3, "12345") .. PVH })))
  end)

  it("may have a bzImage", function()
    assert.is_nil(kernel_error(file(("\0"):rep(0x202) .. "HdrS" .. ("\0"):rep(100))))
  end)

  it("needs a kernel that is there, readable and not empty", function()
    assert.matches("No such file", kernel_error "/nonexistent/vmlinux", 1, true)
    assert.matches("the file is empty", kernel_error(file ""), 1, true)
    assert.matches("Is a directory", kernel_error "/tmp", 1, true)
  end)

  it("needs a kernel that is one", function()
    assert.matches("not a Linux kernel", kernel_error(file "#!/bin/sh\n"), 1, true)
    assert.matches("not a Linux kernel", kernel_error(file(("x"):rep(100000))), 1, true)
    assert.matches("not one for x86-64", kernel_error(file(elf { machine = 183 })), 1, true)
    assert.matches("not one for x86-64", kernel_error(file(elf { class = 1 })), 1, true)
    assert.matches("without the PVH entry", kernel_error(file(elf {})), 1, true)
    assert.matches("not one for x86-64", kernel_error(file "\x7fELF"), 1, true)
  end)

  it("may not be an ELF file that lies about where its parts are", function()
    for _, at in ipairs { 1 << 40, -1, math.mininteger } do
      assert.matches("PVH", kernel_error(file(elf { notes = PVH, at = at })), 1, true)
    end
    assert.is_nil(kernel_error(file(elf { notes = PVH, size = -1 })))
    local endless = string.pack("<I4I4I4", 0xffffffff, 0xffffffff, 1)
    assert.matches("PVH", kernel_error(file(elf { notes = endless })), 1, true)
  end)

  it("needs an initramfs that is there and not empty", function()
    local kernel = file(elf { notes = PVH })
    for _, path in ipairs { "/nonexistent/initramfs", file "" } do
      local ok, why = image.check { kernel = kernel, initrd = path }
      assert.is_nil(ok)
      assert.matches(path, why.message, 1, true)
    end
  end)

  describe("takes so much memory for certain:", function()
    local MIB <const> = 1 << 20

    local function least(kernel, size)
      local padded = file(("x"):rep(size or 1))
      return image.least_mb { kernel = file(kernel), initrd = padded }
    end

    it("to where an ELF kernel ends but for its scratch, and the initramfs", function()
      local loads = { { 40 * MIB, 6 * MIB }, { 16 * MIB, 20 * MIB } }
      assert.equal(41, least(elf { notes = PVH, loads = loads }))
      assert.equal(41, least(elf { notes = PVH, loads = loads }, MIB))
      assert.equal(42, least(elf { notes = PVH, loads = loads }, MIB + 1))
    end)

    it("what a bzImage says that it needs, from where it wants to stand", function()
      assert.equal(16 + 30 + 1, least(bzimage(0x20f, 16 * MIB, 30 * MIB)))
      assert.equal(16 + 30 + 1, least(bzimage(0x20a, 16 * MIB, 30 * MIB)))
    end)

    it("the initramfs alone, where a kernel does not tell", function()
      for _, kernel in ipairs {
        bzimage(0x209, 16 * MIB, 30 * MIB), bzimage(0x20f, -1, 30 * MIB),
        ("\0"):rep(0x202) .. "HdrS\xff", "no kernel", "",
        elf { notes = PVH }, elf { notes = PVH, loads = { { -MIB, 9 * MIB }, { 9 * MIB, -1 } } },
        elf { notes = PVH, loads = { { math.maxinteger, 2 } } },
      } do
        assert.equal(3, least(kernel, 3 * MIB))
      end
      assert.equal(0, image.least_mb { kernel = "/nonexistent", initrd = "/nonexistent" })
    end)

    it("as much as a sandbox must have", function()
      local files = { initrd = initrd,
        kernel = file(elf { notes = PVH, loads = { { 40 * MIB, 12 * MIB } } }) }
      local ok, why = image.check_memory(files, 46)
      assert.is_nil(ok)
      assert.same({ "invalid_argument", "memory_limit_mb" }, { why.kind, why.option })
      assert.matches("memory_limit_mb = 46 (--memory) is too little to boot", why.message, 1, true)
      assert.matches("take 47 MiB; 96 are enough for kavach's own", why.message, 1, true)
      assert.is_true(image.check_memory(files, 47))
    end)
  end)

  it("is what was asked for, as a path that holds anywhere", function()
    local found = image.find { kernel = "some/vmlinux", initrd = "/boot/initrd" }
    assert.matches("^/.*/some/vmlinux$", found.kernel)
    assert.equal("/boot/initrd", found.initrd)
  end)
end)
