-- SPDX-License-Identifier: MIT
-- How the object classes of AIX 7.3 differ from those of 7.2.

return {
  predefined = {},
  shipped = {},
}
