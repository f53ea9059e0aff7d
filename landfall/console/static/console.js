// Joins the parts. Without any of this the pages work too: links lead on, forms are sent.
import { openDialogs } from "./dialogs.js";
import { keepLive } from "./live.js";
import { morphLinks } from "./moves.js";
import { searchByKeyboard } from "./palette.js";
import { refresh } from "./refresh.js";
import { copyButtons, menu, themeSwitch } from "./switches.js";
import { showTimes } from "./times.js";

themeSwitch();
menu();
copyButtons();
openDialogs();
morphLinks();
searchByKeyboard();
showTimes(document);
refresh.after(showTimes);
keepLive();
