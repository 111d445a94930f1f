import './styles/tokens.css';
import './styles/base.css';
import './styles/shell.css';
import './styles/grid.css';
import './styles/viewer.css';
import './styles/memory.css';
import './styles/model.css';
import { App } from './app';
import { start_theme } from './theme';

start_theme();
new App().start(document.body);
